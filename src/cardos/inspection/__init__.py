"""What is on a card, for people: its directories, files, rights, keys without values, purses, logs and proofs; and how
two cards differ.

Looking changes nothing: a card keeps its session, an image file is only read.
"""

from __future__ import annotations

from .difference import Difference as Difference
from .difference import compare as compare
from .document import difference_document as difference_document
from .document import inspection_document as inspection_document
from .reading import inspect_card as inspect_card
from .reading import inspect_image as inspect_image
from .views import CardView as CardView
from .views import DirectoryView as DirectoryView
from .views import FieldValue as FieldValue
from .views import FileView as FileView
from .views import KeyList as KeyList
from .views import KeyView as KeyView
from .views import PurseVariables as PurseVariables
from .views import Records as Records
from .views import RecordView as RecordView
from .views import Right as Right
from .views import Transparent as Transparent
from .views import Tries as Tries
