"""Families: what is done with a kind of instrument, and all families that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from calib_core.characterisation.agreement import check
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput
from calib_core.characterisation.presets import Preset
from calib_core.constants.condition import ConditionParameter
from calib_core.constants.constant import ConstantKind
from calib_core.detector import DetectorType, GainStage, registry
from calib_core.detector.defaults import defaults
from calib_core.errors import BadParameter


@dataclass(frozen=True, eq=False)
class Family:
    """What is done with a kind of instrument: its types and its characterisations.

    Attributes
    ----------
    name : str
        First word of the command line.
    title : str
        For the screen.
    types : tuple of DetectorType
        Types of detectors; a family may name types that another declares too. Without any, its characterisations
        read no pixels of a detector.
    methods : tuple of Method
        Characterisations with this family's defaults.
    about : str
        What is to be known of the instrument, for its page.
    presets : mapping
        Named sets of parameters by the command of the characterisation that they are of.
    """

    name: str
    title: str
    types: tuple[DetectorType, ...] = ()
    methods: tuple[Method, ...] = ()
    about: str | None = ""
    presets: Mapping[str, tuple[Preset, ...]] = field(default_factory=dict)

    @property
    def kind(self) -> DetectorType | None:
        """The type that stands for what all types of the family have in common; None where it has none."""
        return self.types[0] if self.types else None

    @property
    def stages(self) -> tuple[GainStage, ...]:
        """Gain stages that all its types have; none where it has no types."""
        return self.types[0].stages if self.types else ()

    @property
    def conditions(self) -> tuple[ConditionParameter, ...]:
        """What the operating condition of its types consists of; nothing where it has no types."""
        return self.types[0].condition if self.types else ()

    def conditions_of(self, method: Method, kind: DetectorType | None = None) -> tuple[ConditionParameter, ...]:
        """Parameters of the operating condition that a characterisation asks for.

        Parameters
        ----------
        method : Method
        kind : DetectorType, optional
            The one that stands for all types of the family unless given.

        Returns
        -------
        tuple of ConditionParameter
            In the order of the type's, without those that only other constants have than those it makes or takes.
        """
        kind = kind or self.kind
        if kind is None:
            return ()
        made = [one.kind for one in method.outputs(kind) if isinstance(one, ConstantOutput)]
        taken = [constant for one in method.inputs(kind) for constant in (*one.kinds, *one.also)]
        known = [kind.calibrations[one.name] for one in (*made, *taken) if one.name in kind.calibrations]
        others = {name for one in kind.calibrations.values() for name in kind.condition_of(one)} if known else set()
        strange = others - {name for one in known for name in kind.condition_of(one)}
        return tuple(one for one in kind.condition if one.name not in strange)

    def of_modules(self, method: Method) -> bool:
        """Whether a characterisation works on a detector's modules: of its types, or of constants that it is given.

        Parameters
        ----------
        method : Method
        """
        return bool(self.types) or any(one.history is not None or one.whole for one in method.inputs(None))

    def method(self, command: str) -> Method:
        """Characterisation by its command name.

        Parameters
        ----------
        command : str
            Such as ``DARK``, or another name of it, in any case.

        Returns
        -------
        Method
            With this family's defaults.

        Raises
        ------
        BadParameter
            This family has no such characterisation.
        """
        for method in self.methods:
            if command.upper() in (method.command, *method.aliases):
                return method
        known = ", ".join(m.command for m in self.methods)
        raise BadParameter(f"{self.name} has no characterisation “{command}”; it has {known}.")

    def makers_of(self, kind: ConstantKind) -> tuple[str, ...]:
        """Commands of the characterisations that make a constant; none where it comes from elsewhere.

        Parameters
        ----------
        kind : ConstantKind
        """
        return tuple(method.command for method in self.methods if any(
            isinstance(one, ConstantOutput) and one.kind.name == kind.name for one in method.outputs(self.kind)))

    def presets_of(self, method: Method) -> tuple[Preset, ...]:
        """Named sets of parameters of a characterisation, for a list to choose from; none where it has none.

        Parameters
        ----------
        method : Method
        """
        return self.presets.get(method.command, ())

    def preset(self, method: Method, name: str) -> Preset:
        """A named set of parameters.

        Parameters
        ----------
        method : Method
        name : str

        Raises
        ------
        BadParameter
            There is none of this name; the sentence has those that there are.
        """
        known = {one.name: one for one in self.presets_of(method)}
        if name not in known:
            raise BadParameter(f"{self.name} {method.command} has no preset “{name}”; it has "
                               f"{', '.join(known) or 'none'}.")
        return known[name]

    def has(self, kind: DetectorType) -> bool:
        """Whether a type, or the type that it is a variant of, is one of this family's.

        Parameters
        ----------
        kind : DetectorType
            Compared by its name.
        """
        return any(kind.name in (one.name, *(v.name for v in one.variants)) for one in self.types)


_declared: dict[str, Family] = {}


def with_defaults(name: str, *methods: Method) -> tuple[Method, ...]:
    """Characterisations with a family's default parameters.

    Parameters
    ----------
    name : str
        Of the family, as in ``resources/defaults``, where each default has its source.
    methods : Method
        With the defaults of the method itself.

    Raises
    ------
    BadParameter
        A default is out of its parameter's range, or there is no such parameter.
    """
    return tuple(method.with_changes(defaults(name, method.command.lower())) for method in methods)


def declare(family: Family) -> Family:
    """Add a family and its types to those that are known; a name that exists is replaced.

    Parameters
    ----------
    family : Family

    Returns
    -------
    Family
        The same, so that a module can declare and name it in one line.

    Raises
    ------
    BadParameter
        What one of its characterisations declares does not agree, or a preset has a value that is not allowed;
        nothing is added then.
    """
    for method in family.methods:
        for kind in family.types or (None,):
            check(family.name, method, kind)
        for preset in family.presets_of(method):
            method.with_changes(preset.values)
    for kind in family.types:
        registry.declare(kind)
    _declared[family.name] = family
    return family


def withdraw(family: Family) -> None:
    """Remove a family, and those of its types that no other names.

    Parameters
    ----------
    family : Family
        One that was declared for a while, as tests do.
    """
    _declared.pop(family.name, None)
    for kind in family.types:
        if not any(kind in other.types for other in _declared.values()):
            registry.withdraw(kind.name)


def families() -> tuple[Family, ...]:
    """All known families by their names: our own files and those that entry points declare."""
    registry.discover()
    return tuple(_declared[name] for name in sorted(_declared))


def named(name: str) -> Family:
    """Family by its name.

    Parameters
    ----------
    name : str
        In any case.

    Raises
    ------
    BadParameter
        There is none of this name; the sentence has those that there are.
    """
    registry.load(name)
    if name.upper() not in _declared:
        known = ", ".join(one.name for one in families())
        raise BadParameter(f"There is no detector family “{name}”; known families are {known}.")
    return _declared[name.upper()]


def characterisations(kind: DetectorType) -> tuple[tuple[Family, Method], ...]:
    """What can be done with a detector type.

    Parameters
    ----------
    kind : DetectorType

    Returns
    -------
    tuple of (Family, Method)
        Each characterisation of each family that has the type, families by their names.
    """
    return tuple((one, method) for one in families() if one.has(kind) for method in one.methods)
