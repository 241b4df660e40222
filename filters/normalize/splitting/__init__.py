"""Splits a file or a stream of a feed into messages: pure functions from chunks to pieces.

Every byte of the input lies in exactly one piece or in the framing between pieces (line endings,
commas, white space), and a piece is what normalize reads. Where a message needs what surrounds it
(a table's header, an XML envelope), the piece repeats those bytes as they stand. What is too long
or cannot be told apart comes out as a piece with a fault, so that nothing is lost. The same bytes
give the same pieces however they are cut into chunks.
"""

from __future__ import annotations

from filters.normalize.splitting.elements import elements
from filters.normalize.splitting.pieces import MAX_PIECE_BYTES, Piece
from filters.normalize.splitting.tables import lines, rows
from filters.normalize.splitting.values import values

__all__ = ["MAX_PIECE_BYTES", "Piece", "elements", "lines", "rows", "values"]
