"""Reading what the customer answers inside a flow: values, choices, yes and no, corrections."""

from datetime import timedelta, timezone

from domain.bot.extract import (
    Reading,
    extract,
    find_option,
    find_order_number,
    find_ordinal,
    find_yes_no,
    is_correction,
    means_other_one,
)
from domain.bot.flow import (
    FlowRun,
    advance,
    change_choices,
    go_on,
    listed_options,
    menu_choices,
    prompt,
    slot_choices,
    start_again,
)
from domain.bot.flow_model import SlotOption, SlotType, Step
from domain.bot.lexicon import Prepared
from domain.bot.model import Awaiting, Choice, HandoverReason, Localised, ReplyKind
from domain.bot.texts import BotText
from domain.text import fold, tokens

FREE_TEXT = frozenset({SlotType.TEXT, SlotType.ADDRESS})
_LATEST = ("最近", "最新", "刚买", "latest", "newest", "most recent")
_BUTTON_AFTER_MISSES = 2


def reading(run: FlowRun) -> Reading:
    """What extraction needs to know of this turn."""
    zone = timezone(timedelta(minutes=run.book.utc_offset_minutes))
    return Reading(run.language, run.turn.now.astimezone(zone).date())


def fill_from(run: FlowRun, text: str) -> list[str]:
    """Fill empty slots from what was said without being asked; return their names."""
    filled: list[str] = []
    for name, slot in run.flow.slots.items():
        if name not in run.position.slots:
            value = extract(slot, text, reading(run), asked=False)
            if value is not None:
                run.position.slots[name] = value
                filled.append(name)
    return filled


def answer(run: FlowRun) -> bool:
    """Use the turn as the answer the flow waits for; False when it is none."""
    step = run.flow.step(run.position.step)
    if step is None:
        advance(run)
        return True
    choice, text = run.turn.choice, run.turn.text
    match run.position.awaiting:
        case Awaiting.SLOT:
            return _slot_choice(run, step, choice) if choice else _slot_text(run, step, text)
        case Awaiting.CONFIRM:
            return _confirmation(run, step, choice, text)
        case Awaiting.CHOICE:
            return _menu(run, step, choice, text)
        case Awaiting.CORRECTION:
            return _which_to_change(run, step, choice, text)
        case Awaiting.VERIFICATION:
            return _verification(run)
        case Awaiting.CALL:
            return False


def _verification(run: FlowRun) -> bool:
    if not run.turn.verified:
        return False
    run.note("flow.verified", step=run.position.step)
    advance(run)
    return True


def _slot_choice(run: FlowRun, step: Step, choice: str) -> bool:
    name = step.ask or ""
    if choice == "other" and step.options_from is not None:
        run.position.typed = True
        prompt(run, step)
        return True
    offered = {button.id for button in slot_choices(run, step, run.flow.slots[name])}
    if choice not in offered:
        return False
    return _fill(run, step, choice.removeprefix("slot:"))


def _fill(run: FlowRun, step: Step, value: str) -> bool:
    name = step.ask or ""
    run.position.slots[name] = value
    run.note("flow.slot", slot=name, step=step.id)
    go_on(run, step)
    return True


def _slot_text(run: FlowRun, step: Step, text: str) -> bool:
    name = step.ask or ""
    slot = run.flow.slots[name]
    value = extract(slot, text, reading(run))
    if value is None and step.options_from is not None and not run.position.typed:
        value = _listed(run, step, text)
    if value is None and slot.type is SlotType.OPTION:
        index = find_ordinal(text, len(slot.options))
        value = slot.options[index].id if index is not None else None
    if value is None:
        return correct(run, text)
    run.position.slots[name] = value
    filled = fill_from(run, text)
    run.note("flow.slot", slot=name, step=step.id, also=",".join(filled))
    go_on(run, step)
    return True


def _listed(run: FlowRun, step: Step, text: str) -> str | None:
    """Which listed entry the text names: by place, by the end of its number, by words of its label."""
    assert step.options_from is not None
    listed = listed_options(run, step.options_from)
    index = find_ordinal(text, len(listed))
    if index is not None:
        return listed[index][0]
    folded = fold(text)
    if listed and any(word in folded for word in _LATEST):
        return listed[0][0]
    digits = "".join(character for character in folded if character.isdigit())
    ends = [value for value, _ in listed if len(digits) >= 4 and value.endswith(digits)]
    if len(ends) == 1:
        return ends[0]
    return _by_label(listed, text)


def _by_label(listed: list[tuple[str, str]], text: str) -> str | None:
    said = {token for token in tokens(text) if len(token) > 1}
    scores = sorted(((len(said & set(tokens(label))), value) for value, label in listed), reverse=True)
    if not scores or scores[0][0] == 0 or (len(scores) > 1 and scores[0][0] == scores[1][0]):
        return None
    return scores[0][1]


def _confirmation(run: FlowRun, step: Step, choice: str | None, text: str) -> bool:
    if not choice and correct(run, text):
        return True
    said = {"yes": True, "no": False}.get(choice) if choice else find_yes_no(text)
    if said is None:
        return False
    run.note("flow.confirmed" if said else "flow.not_confirmed", step=step.id)
    if said:
        go_on(run, step)
    elif step.declined:
        go_on(run, step, step.declined)
    elif len(step.change) == 1:
        _ask_anew(run, step.change[0])
    else:
        run.position.awaiting = Awaiting.CORRECTION
        run.position.misses = 0
        prompt(run, step)
    return True


def _menu(run: FlowRun, step: Step, choice: str | None, text: str) -> bool:
    if not choice and correct(run, text):
        return True
    chosen = choice.removeprefix("menu:") if choice else None
    if chosen is None:
        index = find_ordinal(text, len(step.choices))
        chosen = step.choices[index].id if index is not None else _menu_by_words(step, text)
    if chosen is None and len(step.choices) == 2:
        said = find_yes_no(text)
        chosen = None if said is None else step.choices[0 if said else 1].id
    for entry in step.choices:
        if entry.id == chosen:
            run.note(
                "flow.menu", *(c.id for c in step.choices if c.id != chosen), step=step.id, chosen=entry.id
            )
            go_on(run, step, entry.go)
            return True
    return False


def _menu_by_words(step: Step, text: str) -> str | None:
    options = tuple(SlotOption(id=c.id, label=c.label, synonyms=c.synonyms) for c in step.choices)
    return find_option(options, text)


def _which_to_change(run: FlowRun, step: Step, choice: str | None, text: str) -> bool:
    if choice:
        name = choice.removeprefix("change:")
        if name not in step.change:
            return False
        _ask_anew(run, name)
        return True
    if correct(run, text):
        return True
    index = find_ordinal(text, len(step.change))
    labels: list[tuple[str, Localised]] = [(name, run.flow.slots[name].label) for name in step.change]
    named = find_option(tuple(SlotOption(id=name, label=label) for name, label in labels), text)
    name = step.change[index] if index is not None else named or ""
    if not name:
        return False
    _ask_anew(run, name)
    return True


def _ask_anew(run: FlowRun, name: str) -> None:
    """Empty a slot and walk from the beginning, which stops where the slot is asked."""
    run.position.slots.pop(name, None)
    run.note("flow.change", slot=name)
    start_again(run)


def correct(run: FlowRun, text: str) -> bool:
    """Take a correction of something said before ("不对，订单号是…", "no, the other one"); False if none."""
    position = run.position
    if not text or not (is_correction(text) or position.awaiting in {Awaiting.CONFIRM, Awaiting.CORRECTION}):
        return False
    for name, old in list(position.slots.items()):
        slot = run.flow.slots.get(name)
        if slot is None or slot.type in FREE_TEXT:
            continue
        value = extract(slot, text, reading(run), asked=False)
        if value is not None and value != old:
            return _corrected(run, name, value)
    if means_other_one(text):
        return _other_one(run)
    return False


def _corrected(run: FlowRun, name: str, value: str) -> bool:
    run.position.slots[name] = value
    run.note("flow.corrected", slot=name)
    run.say(run.own(BotText.CORRECTED))
    start_again(run)
    return True


def _other_one(run: FlowRun) -> bool:
    """The other entry of a list when there are two, else the list again."""
    for step in run.flow.steps:
        if step.ask is None or step.options_from is None or step.ask not in run.position.slots:
            continue
        old = run.position.slots[step.ask]
        others = [value for value, _ in listed_options(run, step.options_from) if value != old]
        if len(others) == 1:
            return _corrected(run, step.ask, others[0])
        _ask_anew(run, step.ask)
        return True
    return False


def miss(run: FlowRun) -> None:
    """The turn was no answer: say what is needed, or give up after the step's number of tries."""
    position = run.position
    step = run.flow.step(position.step)
    assert step is not None
    position.misses += 1
    slot = run.flow.slots[step.ask] if step.ask and position.awaiting is Awaiting.SLOT else None
    most = slot.retries if slot else step.retries
    what = step.ask if slot else position.awaiting.value
    run.note("flow.miss", step=step.id, what=what or "", count=position.misses, most=most)
    if position.misses >= most:
        run.give_up(HandoverReason.OUT_OF_ATTEMPTS, f"{what}_not_understood")
        return
    if position.awaiting is Awaiting.VERIFICATION:
        human = Choice(id="human", label=run.own(BotText.TALK_TO_HUMAN))
        run.say(run.own(BotText.VERIFY_AGAIN), human, kind=ReplyKind.VERIFY)
        return
    text, choices = _miss_text(run, step)
    if position.misses >= _BUTTON_AFTER_MISSES and choices is not None:
        choices = (*choices, Choice(id="human", label=run.own(BotText.TALK_TO_HUMAN)))
    if choices is None:
        run.say(text)
        prompt(run, step)
    else:
        run.say(text, *choices)


def _miss_text(run: FlowRun, step: Step) -> tuple[str, tuple[Choice, ...] | None]:
    """The error and its buttons; None when the question itself must be shown again."""
    match run.position.awaiting:
        case Awaiting.SLOT:
            slot = run.flow.slots[step.ask or ""]
            return run.render(slot.error), slot_choices(run, step, slot)
        case Awaiting.CONFIRM:
            return run.own(BotText.CONFIRM_AGAIN), None
        case Awaiting.CHOICE:
            return run.own(BotText.CHOOSE_ONE), menu_choices(run, step)
        case _:
            return run.own(BotText.CHOOSE_ONE), change_choices(run, step)


def names_order(text: str) -> bool:
    """Whether the text holds an order number."""
    return find_order_number(text) is not None


def is_question(text: str) -> bool:
    """Whether the text is put as a question."""
    folded = fold(text).rstrip()
    return folded.endswith(("?", "吗", "呢", "么")) or Prepared(text).words.startswith(
        (
            " how ",
            " what ",
            " when ",
            " where ",
            " why ",
            " who ",
            " which ",
            " can ",
            " do ",
            " doe ",
            " is ",
            " are ",
        )
    )
