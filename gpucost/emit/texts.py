"""Text of the user's that ends in launch files: what is refused, and how it may stand in a comment."""

from gpucost.domain.launch import Launch


def check(launch: Launch) -> Launch:
    """The launch itself, once no text in it can be anything but a value.

    Writers quote, so `x; rm -rf /` passes; no quoting helps where a program would take a value for an option.

    Raises ValueError naming the field.
    """
    draft = launch.speculation.draft_model if launch.speculation else None
    values = {
        "model": launch.model,
        "base_model": launch.base_model,
        "revision": launch.revision,
        "draft_model": draft,
        "kv_dtype": launch.kv_dtype,
        "quantization": launch.quantization,
    }
    for field, value in values.items():
        if value is None:
            continue
        if not value:
            raise ValueError(f"{field}: must not be empty")
        if not value.isprintable():
            raise ValueError(f"{field}: no control characters or line breaks in {value!r}")
        if value.startswith("-"):
            raise ValueError(f"{field}: {value!r} would be read as an option")
    if any("\ud800" <= letter <= "\udfff" for letter in launch.name):
        raise ValueError(f"name: {launch.name!r} is not text")
    return launch


def refuse(launch: Launch, marker: str, meaning: str) -> None:
    """Raises ValueError where a value holds a `marker` that the target would replace: its `meaning`."""
    draft = launch.speculation.draft_model if launch.speculation else None
    values = {"name": launch.name, "model": launch.model, "revision": launch.revision, "draft_model": draft}
    for field, value in values.items():
        if value and marker in value.replace(" ", ""):
            raise ValueError(f"{field}: {value!r} holds {marker!r}, {meaning}")


def comment(*lines: str) -> str:
    """Lines as `#` comments; text of the user's stays within its line."""
    return "".join(f"# {one_line(line)}".rstrip() + "\n" for line in lines)


def one_line(text: str) -> str:
    """Text with everything that could end a line, or hide, replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
