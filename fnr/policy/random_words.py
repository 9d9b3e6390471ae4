"""Tells a word that a random generator made from one that people made: is it an id or a name?

Names are read aloud: most of their neighbouring letters are pairs that English has often.
"""

from __future__ import annotations

import re
from itertools import pairwise

WORD_CHARS_MIN = 16
# Of neighbours in what a random generator made, so many are of different kinds; of names, fewer.
_CHANGES_MIN = 0.45
# Of neighbours in names, so many are common pairs or no letters; in what is random, fewer.
_COMMON_MIN = 0.4
_PAIRS = (
    "abacadagaialamanaparasataubablcacechckclcocrctcudadedieaecedeeelemeneperesetexfafffi"
    "fogehahehoibicidieigiliminioisitkelalelilllolymamemimompnancndnengninnnonsntnvocodol"
    "omonoooporosotoupapepiplpoprptqurardrerirmrorrrsrtrysascseshsisospssstsutatethtitotr"
    "tsttueulumunupurusutvavevixc"
)
_COMMON = frozenset(_PAIRS[at : at + 2] for at in range(0, len(_PAIRS), 2))
# NVIDIA's names and mangled symbols have few vowels.
_CODE_NAME = re.compile(r"_Z|(?:c_)?nv|[cC]u|nccl|C?Py")


def is_random(word: str) -> bool:
    """Letters, digits, - and _ as a nanoid or base64url has them? Short words could be anything."""
    if len(word) < WORD_CHARS_MIN or _CODE_NAME.match(word):
        return False
    lower, upper = word.upper() != word, word.lower() != word
    if not lower or not (upper or word.isalnum()) or _share_common(word) >= _COMMON_MIN:
        return False
    return any(map(str.isdecimal, word)) or (upper and changes_kind(word))


def changes_kind(word: str) -> bool:
    """Do capitals, small letters and digits follow each other as by chance?"""
    kinds = [(one.isdecimal(), one.isupper()) for one in word if one.isalnum()]
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= _CHANGES_MIN * len(kinds)


def _share_common(word: str) -> float:
    """Two digits, or a - or _ and its neighbour, say half as much as two letters."""
    found = 0.0
    for one, other in pairwise(word):
        if one.isalpha() and other.isalpha():
            begins_hump = one.islower() and other.isupper()
            found += not begins_hump and (one + other).lower() in _COMMON
        elif one in "_-" or other in "_-" or (one.isdecimal() and other.isdecimal()):
            found += 0.5
    return found / (len(word) - 1)
