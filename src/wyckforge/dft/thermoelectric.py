"""Thermoelectric descriptors of a semiconductor, from its bands and its lattice, and a ranking by them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.constants import electron_volt, k

from wyckforge.dft.bands.ellipsoids import Ellipsoid
from wyckforge.dft.bands.valleys import Valley
from wyckforge.potential.chgnet import PotentialError
from wyckforge.potential.debye import slack_conductivity, thermal
from wyckforge.potential.mechanics import VOLUME_RATIOS, respond
from wyckforge.settings import Settings
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import ATOMIC_MASS

K_EV = k / electron_volt
"""Boltzmann's constant in eV/K."""


class ThermoelectricConfig(Settings):
    """At what temperature a thermoelectric works, and what counts how much in the ranking."""

    temperature_k: float = Field(600.0, gt=0, description="at which it works")
    gap_weight: float = Field(1.0, ge=0, description="of the gap, best where it is 10 kT")
    valleys_weight: float = Field(1.0, ge=0, description="of N_V/m_c")
    complexity_weight: float = Field(1.0, ge=0, description="of the complexity of the Fermi surface")
    lattice_weight: float = Field(1.0, ge=0, description="of the lattice thermal conductivity, best where it is low")
    half_valleys: float = Field(10.0, gt=0, description="N_V/m_c that scores one half")
    half_complexity: float = Field(5.0, gt=0, description="complexity that scores one half")
    half_conductivity: float = Field(2.0, gt=0, description="lattice conductivity in W/(m K) that scores one half")
