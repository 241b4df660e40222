"""placeholder."""
from collections.abc import Iterable, Iterator
from filters.normalize.splitting.pieces import MAX_PIECE_BYTES, Piece
def elements(chunks: Iterable[bytes], names: Iterable[str]) -> Iterator[Piece]:
    """Placeholder."""
    data = b"".join(chunks)
    yield Piece(data, "document 1", len(data))
