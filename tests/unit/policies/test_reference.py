"""The reference page names every word and value there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from circles_policies import Actor, Keep, Policy, Preset, Reach, Reason, When, Who, preset, read_content
from circles_policies.words import ALONE, WITH_ARGUMENT

PAGE = (Path(__file__).parents[3] / "docs/reference/policy.md").read_text(encoding="utf-8")


def test_every_value_and_reason_is_on_the_page() -> None:
    words = [each.value for kind in (Preset, Who, When, Reason) for each in kind]
    words += [each.name.lower() for kind in (Keep, Reach, Actor) for each in kind]
    assert not [word for word in words if f"`{word}`" not in PAGE]


def test_every_form_of_every_control_word_is_on_the_page() -> None:
    forms = [form for forms in ALONE.values() for form in forms]
    forms += [f"{form} …" for _, forms in WITH_ARGUMENT.values() for form in forms]
    assert not [form for form in forms if form not in PAGE]


def test_the_example_is_a_policy() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    policy = read_content(json.loads(example[1]))
    assert isinstance(policy, Policy)
    assert policy == preset(Preset.ON_CALL)
