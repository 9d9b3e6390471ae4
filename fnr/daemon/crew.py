"""The daemon's parts, wired: who calls whom is decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from fnr.config.settings import Settings
from fnr.daemon.admission import Resources
from fnr.daemon.adopter import Adopter
from fnr.daemon.alerting import Alerting
from fnr.daemon.breaker_calls import BreakerCalls
from fnr.daemon.breaker_gate import BreakerGate
from fnr.daemon.breaker_probes import BreakerProbes
from fnr.daemon.breakers import Breakers
from fnr.daemon.clock_changes import ClockChanges
from fnr.daemon.conditions import Conditions
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.effects import Effects
from fnr.daemon.ending import Ending
from fnr.daemon.former_secrets import FormerSecrets
from fnr.daemon.free import Free
from fnr.daemon.intake import Intake
from fnr.daemon.lasting import lasting
from fnr.daemon.parts import Parts
from fnr.daemon.readings import Readings
from fnr.daemon.reload import Reload
from fnr.daemon.reserve import Reserve
from fnr.daemon.rules_in_force import RulesInForce
from fnr.daemon.runner import Runner
from fnr.daemon.seats import Seats
from fnr.daemon.stepping_aside import SteppingAside
from fnr.daemon.stopper import Stopper
from fnr.daemon.store_care import StoreCare
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.timekeeper import Timekeeper
from fnr.daemon.undo_release import Releasing
from fnr.daemon.undoing import Undoing
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.task import AttemptOutcome
from fnr.policy.verdict import Verdict


class Crew:
    """One of each."""

    def __init__(self, parts: Parts, load: Callable[[], Settings]) -> None:
        self.parts = parts
        self.dispatcher = Dispatcher(parts)
        self.rules = RulesInForce(parts)
        self.runner = Runner(parts, self.dispatcher, self.rules)
        self.supervisor = Supervisor(parts, self.dispatcher, self.runner)
        self.stopper = Stopper(parts, self.supervisor)
        self.breakers = Breakers(parts)
        self.breaker_gate = BreakerGate(parts, self.dispatcher, self.breakers)
        self.breaker_gate.workers = lambda: [*self.supervisor.workers.values()]
        self.dispatcher.gates.add(self.breaker_gate)
        self.runner.surroundings.open_breakers = self.breakers.refusing
        self.breaker_probes = BreakerProbes(parts, self.breakers)
        self.supervisor.breaker_calls = BreakerCalls(
            parts, self.breakers, self.breaker_gate, self.rules
        )
        self.stepping_aside = SteppingAside(parts, self.dispatcher, self.breakers.refusing)
        self.breakers.on_moved.append(self.stepping_aside.moved)
        self.timekeeper = Timekeeper(parts, self.dispatcher, self.supervisor, self.stopper)
        self.clock_changes = ClockChanges(parts, self.dispatcher, self.timekeeper.move_due)
        self.effects = Effects(parts)
        self.undoing = Undoing(parts, self.dispatcher)
        self.reserve = Reserve(parts)
        self.intake = Intake(parts, self.dispatcher, self.reserve)
        self.adopter = Adopter(parts, self.supervisor, self.runner)
        self.ending = Ending(parts, self.supervisor, self.stopper)
        self.reload = Reload(parts, self.supervisor, self.dispatcher, rules=self.rules, load=load)
        self.reload.on_reloaded += [
            self.breakers.reloaded,
            self.breaker_gate.reloaded,
            self.breaker_probes.start,
            self.stepping_aside.start,
        ]
        self.store_care = StoreCare(parts, self.adopter, self.runner, self.dispatcher, self.reserve)
        self.runner.on_settled = self._settled
        self.runner.on_tainted = self._tainted
        self.former_secrets = FormerSecrets(parts)
        self.adopter.on_taken = self._taken
        self.reload.on_reloaded.append(self.former_secrets.reloaded)
        self.free = Free(parts)
        self.timekeeper.gpu_at_work = self.free.gpus.at_work
        self.readings = Readings(parts, self.supervisor, self.free.gpus)
        self.free.is_ready = self.breakers.admits
        self.resources = Resources(parts, self.dispatcher, self.supervisor, self.free)
        self.seats = Seats(parts, self.dispatcher, self.supervisor, self.free, self.resources)
        self.dispatcher.gates.add(self.resources)
        self.intake.warning = self.resources.warning_at_submit
        self.conditions = Conditions(parts, self.dispatcher, self.free, self.resources)
        self.dispatcher.on_delivered = self._busy
        self.timekeeper.on_buried = self._expired
        self.undoing.acts["release"] = Releasing(parts, self.resources).release
        self.clock_changes.on_shifted += [self.conditions.clock_set, self.undoing.look]
        self.alerting = self._alerting()
        self.undoing.on_waiting, self.undoing.on_stuck = self._waits_again, self.effects.deliver
        self.intake.on_expiring = self.timekeeper.move_due
        self.supervisor.on_buried = self._buried
        self.on_verdicts: Callable[[list[Verdict]], None] = _nobody_counts

    def tell_people(self) -> None:
        """Begin with what the last daemon had to tell, and could not any more."""
        self.alerting.start()
        self.effects.deliver()

    def _alerting(self) -> Alerting:
        made = Alerting(
            self.parts,
            lambda: lasting(self.parts, self.breakers, self.supervisor, self.free.gpus),
        )
        self.effects.take, self.effects.on_done = made.take, made.noted
        self.breakers.on_moved.append(made.changed)
        self.reload.on_reloaded.append(made.reloaded)
        self.clock_changes.on_shifted += [self.effects.deliver, made.clock_set]
        return made

    def _taken(self, worker: WorkerProcess) -> None:
        self.former_secrets.learn(worker)
        self.breaker_gate.taken(worker)

    def _busy(self, workers: list[WorkerProcess]) -> None:
        self.timekeeper.busy(workers)
        self.readings.busy()

    def _buried(self, worker: WorkerProcess) -> None:
        self.resources.buried(worker)
        self.former_secrets.ended(worker)

    def _waits_again(self, function: str) -> None:
        self.runner.surroundings.budgets.parked(function)
        self.timekeeper.move_due()
        self.conditions.start()

    def _tainted(self, worker: WorkerProcess) -> None:
        self.supervisor.dismiss(worker, "an error that leaves its process unusable")

    def _expired(self, verdicts: list[Verdict]) -> None:
        self.effects.settled(verdicts)
        self.undoing.settled(verdicts)
        self.on_verdicts(verdicts)

    def _settled(self, verdicts: list[Verdict]) -> None:
        self.breaker_gate.settled(verdicts)
        self.conditions.settled(verdicts)
        self.resources.settled()
        # Most attempts succeed, and nothing more follows from that.
        if more := [v for v in verdicts if v.effects or v.outcome is not AttemptOutcome.DONE]:
            self.effects.settled(more)
            self.undoing.settled(more)
            self.timekeeper.settled(more)
            self.on_verdicts(more)


def _nobody_counts(_: list[Verdict]) -> None:
    """Nobody has asked to hear of verdicts yet."""
