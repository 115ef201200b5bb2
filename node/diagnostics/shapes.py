"""What secrets and traces of people look like in texts: patterns, and a measure for random letters. Pure."""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise

REMOVED = "[removed]"
SLASHES = r"[\\/]{1,8}"  # escaped up to three times; without a limit a row of them would take minutes

# Names whose values are secret, in documents, environments and lines of logs ...
SECRET_NAME = re.compile(
    r"(?i)token|secret|passw(or)?d|passphrase|credential|(^|_)keys?$|private[_-]?key|api[_-]?key|authori[sz]ation"
    r"|cookie|invite|signature|ssid|wi-?fi|bearer|(^|_)cred$|seed"
)
# ... but for these, which only sound like it.
NO_SECRET = re.compile(r"(?i)_(at|seconds|count|tokens|state|life|ttl)$|^key_in_file$|^keyring$")

WORD = (
    r"(?:token|secret|passw(?:or)?d|passphrase|credential|private[_-]?key|api[_-]?key|invite|ssid"
    r"|(?<![A-Za-z])(?:pwd|pass)(?![A-Za-z]))"
)
VALUE = r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&}]+)"
ESCAPED = re.compile(  # JSON in a text of JSON
    rf'(?i)((?<!\\)\\{{1,7}}"[\w.-]{{0,40}}{WORD}[\w.-]{{0,40}}\\{{1,7}}"\s{{0,9}}:\s{{0,9}}\\{{1,7}}")'
    r'(?:[^"\\\n]|\\[^"\n])*'
)
PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,60}-----.*?(-----END [A-Z0-9 ]{1,60}-----|\Z)", re.DOTALL)
INVITE_LINK = re.compile(r"(?i)rma-mesh:/[^\s\"'<>]*")
INVITE_CODE = re.compile(r"(?i)(?<![A-Za-z0-9])rma[\s_-]{0,3}(?:[a-z2-7][\s_-]?){30,60}(?![A-Za-z0-9])")
API_KEY = re.compile(r"rma_[0-9A-Fa-f]{6,}_[A-Za-z0-9_-]+")
KEY_OF_OTHERS = re.compile(  # OpenAI and others of its kind, Hugging Face, GitHub, GitLab, Amazon, Slack, Google
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{12,}|hf_[A-Za-z0-9]{16,}|gh[a-z]_[A-Za-z0-9]{16,}|github_pat_\w{16,}"
    r"|glpat-[\w-]{16,}|A[KS]IA[A-Z0-9]{12,}|xox[a-z]-[A-Za-z0-9-]{10,}|AIza[\w-]{30,})"
)
AUTHORIZATION = re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?[A-Za-z]+\s+)[^\s\"',;]+")
BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{4,}")
COOKIE = re.compile(r"(?i)(cookie[\"']?\s*[:=]\s*)[^\n]+")
JSON_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_=-]+){0,4}")
USER_IN_URL = re.compile(
    r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)(?:[^\s/\"'<>]{1,400}|[^\s/:\"'<>]{1,64}:[^\s\"'<>@]{1,128})@"
)
USER_AT_HOST = re.compile(r"(?<![\w/:])[\w.%+-]{1,64}:(?!//)[^\s:@\"'<>]{1,128}@(?=[\w.-]{1,253}(?::\d|\b))")
QUERY = re.compile(r"(?i)((?:https?|wss?)://[^\s?#\"'<>]{1,2000}|(?<=\s)/[^\s?#\"'<>]{0,2000})[?#][^\s\"'<>]+")
NAMED = re.compile(rf"(?i)([\"']?[\w.-]{{0,40}}{WORD}[\w.-]{{0,40}}[\"']?\s*[=:]\s*){VALUE}")
FLAG = re.compile(rf"(?i)(--[\w-]{{0,40}}{WORD}[\w-]{{0,40}}(?:[\s=]+|[\"'],\s*)){VALUE}")
BY_NAME = (AUTHORIZATION, COOKIE, BEARER, ESCAPED, NAMED, FLAG)  # the secret follows what they keep of it
MAIL = re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
MAC = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")
HOME = re.compile(
    rf"(?i)((?:/home|/Users|[A-Z]:{SLASHES}Users|[\\/]Documents and Settings){SLASHES})[^\\/\s:\"'<>|]+"
)
IPV4 = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
RUN = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
LONG_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[:-]?){16,}(?![0-9A-Za-z])")

SHORTEST_RANDOM, SHORTEST_OF_TWO = 24, 32  # letters and digits, in both cases or in one
CHANGES = 0.25  # share of neighbours of different kinds above which it is no word: random ones have 0.4 to 0.6
SEPARATORS = str.maketrans("", "", "-_/+= ")
CAMEL_CASE = re.compile(r"[a-z]*(?:[A-Z][a-z]+)*[A-Z]{0,4}(?:[A-Z][a-z]+)+")  # with at most one abbreviation
LETTERS_OF_A_WORD = 5  # on average: random letters have a capital at every second place
VOWELS = 0.28  # share of vowels from which letters can be spoken: names have more than 0.33, random letters 0.19
NO_WORD = re.compile(r"(?i)[^aeiouy]{6}")


def is_random(run: str) -> bool:
    """Tell letters drawn at random from words, paths and names, by how often their kind changes."""
    letters = run.translate(SEPARATORS)
    kinds = [_kind(letter) for letter in letters]
    found = set(kinds)
    if len(found) == 1 or len(kinds) < (SHORTEST_RANDOM if "upper" in found else SHORTEST_OF_TWO):
        return False
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes >= CHANGES * (len(kinds) - 1) and not _is_camel_case(letters)


def _is_camel_case(letters: str) -> bool:
    """Tell names of errors and classes: words that can be spoken, each with a capital."""
    if CAMEL_CASE.fullmatch(letters) is None or NO_WORD.search(letters):
        return False
    words = sum(one.isupper() and other.islower() for one, other in pairwise(letters))
    vowels = sum(letter in "aeiou" for letter in letters.lower())
    return words * LETTERS_OF_A_WORD <= len(letters) and vowels >= VOWELS * len(letters)


def is_invite(text: str) -> bool:
    """Tell an invite code, however it is written, from prose: 44 letters and digits follow on its first word."""
    code = text.translate(SEPARATORS)
    return any(letter.isdigit() for letter in code) or text == text.upper()


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "digit"
    return "upper" if letter.isupper() else "lower"


def shortened_ipv4(match: re.Match[str]) -> str:
    """Return a public address with its first half only; others as they are."""
    try:
        address = ipaddress.IPv4Address(match.group())
    except ValueError:
        return match.group()
    return f"{match.group(1)}.{match.group(2)}.x.x" if address.is_global else match.group()


def shortened_ipv6(match: re.Match[str]) -> str:
    try:
        address = ipaddress.IPv6Address(match.group())
    except ValueError:
        return match.group()
    if address.ipv4_mapped is not None and not address.ipv4_mapped.is_global:
        return match.group()
    if not (address.is_global or address.ipv4_mapped is not None):
        return match.group()
    first, second, *_ = address.exploded.split(":")
    return f"{first}:{second}:x"
