"""What was asked for and has no effect: parameters and constants of steps that are off."""

from __future__ import annotations

from collections.abc import Iterator

from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.detector import Detector
from calib_core.jobs.by_hand import check_by_hand
from calib_core.jobs.spec import JobSpec


def without_effect(
    spec: JobSpec, detector: Detector | None, family: Family, method: Method, usual: Method,
) -> Iterator[str]:
    """Say what has no effect, unless a parameter is as a preset has it or constants were given for all steps.

    Parameters
    ----------
    spec : JobSpec
    detector : Detector or None
        With the modules that take part.
    family : Family
        Has the presets.
    method, usual : Method
        With the parameters of the job, and with those that it has unasked.

    Yields
    ------
    str
        A sentence for each switch that would give it one, and for each kind of constants.
    """
    changed = set(method.changed_from(usual))
    for preset in family.presets_of(usual):
        changed -= preset.values.keys() - method.changed_from(usual.with_changes(preset.values)).keys()
    for switch, those in method.idle(sorted(changed)):
        yield (f"{', '.join(one.flag for one in those)} {'has' if len(those) == 1 else 'have'} no effect: "
               f"{switch.part} is off; {switch.flag} does it.")
    yield from _constants(spec, detector, method)


def _constants(spec: JobSpec, detector: Detector | None, method: Method) -> Iterator[str]:
    """Constants that were given for themselves, or by hand for a module, and that no step takes that is on."""
    switches = {one.word: one for one in method.knobs() if one.is_switch}
    inputs = inputs_of_steps(method.steps_before())
    by_hand = set() if detector is None else {kind for _, kind in check_by_hand(spec.constants, inputs, detector)}
    for one in inputs:
        kind, taking = one.kinds[0], [step for step in method.steps_before() if one.kinds[0] in step.takes]
        if (one.name in spec.inputs or kind.name in by_hand) and not any(step.on for step in taking):
            steps = " and ".join(step.title for step in taking)
            flags = " or ".join(switches[step.word].flag for step in taking)
            yield (f"{one.flag if one.name in spec.inputs else kind.name} has no effect: {steps} "
                   f"{'is' if len(taking) == 1 else 'are'} off; {flags} does it.")
