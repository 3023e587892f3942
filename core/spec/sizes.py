"""How much there is, as a person reads it: bytes on a disk, bytes of memory, numbers in a model."""

MB, GB = 2**20, 2**30  # of memory; of files and what is on its way a million bytes are one MB


def size_text(count: float) -> str:
    """Of bytes on a disk or on their way: by thousands, as shops and file managers count."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    unit, name = (1e6, "MB") if count >= 1e5 else (1e3, "KB")
    return f"{count / unit:,.{0 if count >= 10 * unit else 1}f} {name}"


def in_mb(count: float) -> str:
    """Of bytes in memory: by 1024, as systems count them."""
    return f"{count / MB:,.0f} MB"


def in_gb(count: float) -> str:
    """Of what a whole machine has: by 1024 too, so that it is the same figure everywhere."""
    return f"{count / GB:,.1f} GB"


def short_count(count: int) -> str:
    """Of parameters, or of anything else that comes in millions."""
    if count >= 1e9:
        return f"{count / 1e9:.1f}B"
    return f"{count / 1e6:,.0f}M" if count >= 1e7 else f"{count / 1e6:.1f}M"
