"""The machine: what fnr senses and does; the only folder that touches processes and clocks."""
