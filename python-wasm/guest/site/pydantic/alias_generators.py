"""Functions from field names to aliases."""


def to_pascal(snake):
    """`max_load` -> `MaxLoad`; underscores at the ends and doubled ones stay."""
    titled = snake.title()
    kept = []
    for i, letter in enumerate(titled):
        between = 0 < i < len(titled) - 1 and titled[i - 1].isalnum() and titled[i + 1].isalnum()
        if letter != "_" or not between:
            kept.append(letter)
    return "".join(kept)


def to_camel(snake):
    """`max_load` -> `maxLoad`; what is in this form already stays."""
    word_after_digit = any(a.isdigit() and b.islower() for a, b in zip(snake, snake[1:]))
    if snake.isalnum() and snake[0].islower() and not word_after_digit:
        return snake
    pascal = to_pascal(snake)
    first = len(pascal) - len(pascal.lstrip("_"))
    return pascal[:first] + pascal[first : first + 1].lower() + pascal[first + 1 :]


def to_snake(camel):
    """`MaxLoad` -> `max_load`, `HTTPServer` -> `http_server`."""
    parts = []
    for i, letter in enumerate(camel):
        before, after = camel[i - 1 : i], camel[i + 1 : i + 2]
        new_word = letter.isupper() and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        )
        if new_word or (letter.isdigit() and before.islower()):
            parts.append("_")
        parts.append("_" if letter == "-" else letter.lower())
    return "".join(parts)
