"""Commands, responses, status words, BER-TLV and secure messaging: what both sides of the contacts speak."""

from __future__ import annotations

from .catalogue import COMMANDS as COMMANDS
from .catalogue import Catalogue as Catalogue
from .catalogue import find_spec as find_spec
from .catalogue import match as match
from .command import Command as Command
from .command import Response as Response
from .secure import MessageChannel as MessageChannel
from .secure import MessageRules as MessageRules
from .secure import SecureChannel as SecureChannel
from .secure import is_protected as is_protected
from .spec import CommandSpec as CommandSpec
from .spec import Protection as Protection
from .status import SW as SW
from .status import describe_sw as describe_sw
from .tlv import Tlv as Tlv
from .tlv import parse_tlv as parse_tlv
