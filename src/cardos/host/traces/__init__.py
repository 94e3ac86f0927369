"""Traces, ``cardtrace/1``: recorded with secrets masked, read again, explained, compared, replayed, exported, drawn."""

from __future__ import annotations

from .anatomy import RANDOM_FIELDS as RANDOM_FIELDS
from .decoding import DecodedEvent as DecodedEvent
from .decoding import DecodedField as DecodedField
from .decoding import EventDecoder as EventDecoder
from .decoding import decode_trace as decode_trace
from .decoding import profile_of as profile_of
from .difference import FieldDifference as FieldDifference
from .difference import TraceDifference as TraceDifference
from .difference import compare_traces as compare_traces
from .document import trace_difference_document as trace_difference_document
from .document import trace_document as trace_document
from .export import to_hex_dump as to_hex_dump
from .export import to_pcap as to_pcap
from .macs import Mac as Mac
from .model import EventKind as EventKind
from .model import Trace as Trace
from .model import TraceEvent as TraceEvent
from .reading import parse_trace as parse_trace
from .reading import read_trace as read_trace
from .reading import trace_text as trace_text
from .recording import Tracer as Tracer
from .redact import redact_trace as redact_trace
from .replaying import Replayed as Replayed
from .replaying import replay_trace as replay_trace
from .sequence import Message as Message
from .sequence import MessageSequence as MessageSequence
from .sequence import message_sequence as message_sequence
from .sequence import to_mermaid as to_mermaid
from .svg import to_html as to_html
from .svg import to_svg as to_svg
