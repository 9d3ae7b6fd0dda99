"""OrbitVAE: a latent of sets of orbits, and a decoder that emits genes one orbit at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wyckforge.models.orbitvae.blocks import Block, Embedding, Tables, mlp
from wyckforge.models.orbitvae.masks import element_masks, letter_masks
from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits

_IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of an OrbitVAE.

    Attributes:
        elements: vocabulary.
        features: numbers that describe an element.
        targets: properties that a gene can be asked to have.
        width: of the vectors inside.
        latent: dimensions.
        layers: attention blocks of the decoder.
        heads: of each block.
        max_sites: orbits of the longest gene it learns from; behind so many, all places of the decoder are alike.
    """

    elements: int
    features: int
    targets: tuple[str, ...]
    width: int = 192
    latent: int = 256
    layers: int = 3
    heads: int = 6
    max_sites: int = 24


class Scores(NamedTuple):
    """Log-probabilities of what n genes consist of.

    Attributes:
        group: (n,) of the space group.
        orbits: (n, k + 1) of the element, and of the letter given the element, of every orbit in turn, and of the stop
            behind the last; 0 beyond.
        right: (n, 3) whether the likeliest elements, letters and group are the true ones at every place.
    """

    group: Tensor
    orbits: Tensor
    right: Tensor

    @property
    def total(self) -> Tensor:
        """(n,) log-likelihood of the genes."""
        return self.group + self.orbits.sum(1)


class OrbitVAE(nn.Module):
    r"""Encoder :math:`z = g(G) + \sum_s \varphi(s)` over the orbits *s* of a gene in group *G*; autoregressive decoder.

    The encoder is a sum, so it has no order and no largest number of elements. The decoder sees, at every place, the
    *remainder* of the latent: what is left of *z* when the encoding of the group and of the orbits emitted so far is
    taken away. That is the encoding of the orbits still to come, whatever came before, so that a combination of orbits
    never seen in training is no harder than one that was. Elements and positions are also read from it by one linear
    map each, beside the attention blocks.

    An element is *bound* to its position by the product of two keys, coordinate by coordinate. Given one of them, the
    other is read from the remainder by multiplying with the key of the first: whose match is which stays told apart in
    a sum over orbits (holographic reduced representations; Plate, IEEE Trans. Neural Netw. 6, 623 (1995)).

    A *noise level* from 0 to 1 tells the decoder how much of the latent to believe: it receives
    :math:`\sqrt{1-\sigma^2} z + \sigma n` with standard normal *n*, and scales the remainder by
    :math:`\sqrt{1-\sigma^2}`. At 0 it reconstructs; at 1 nothing of the latent is left, and the decoder is a language
    model of genes, conditioned on the wanted properties; in between it makes relatives of a crystal.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        width, latent = config.width, config.latent
        self.embedding = Embedding(config.elements, config.features, width)
        self.encode_group = nn.Linear(width, latent)
        self.encode_site, self.encode_plainly = mlp(2 * width, 2 * width, latent), nn.Linear(2 * width, latent)
        self.properties = mlp(latent, 2 * width, 3 * len(config.targets))
        self.read_remainder, self.read_site = mlp(latent, 2 * width, width), nn.Linear(3 * width, width)
        self.read_condition = mlp(1 + 4 * len(config.targets), width, width)
        self.place = nn.Parameter(torch.zeros(config.max_sites + 2, width))
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.layers))
        self.normalise = nn.LayerNorm(width)
        self.stop = nn.Parameter(0.05 * torch.randn(width))
        self.ask_group, self.group_bias = nn.Linear(width, width), nn.Parameter(torch.zeros(230))
        self.ask_element = mlp(width, width, width)
        self.ask_position = mlp(2 * width, 2 * width, width)
        self.plain_elements, self.plain_position = nn.Linear(latent, config.elements + 1), nn.Linear(latent, width)
        nn.init.zeros_(self.plain_elements.weight)
        self.key_of_element, self.key_of_position = nn.Linear(width, latent), nn.Linear(width, latent)
        self.key_of_group = nn.Linear(width, latent)

    def encode(self, orbits: Orbits) -> Tensor:
        """(n, latent) posterior means."""
        return self._parts(self.embedding(), orbits).sum(1)

    def encode_orbit(self, site: Tensor) -> Tensor:
        """(…, latent) what an orbit adds to the latent, from the vectors (…, 2 d) of its element and position."""
        element, position = site.chunk(2, -1)
        bound = self.key_of_element(element) * self.key_of_position(position)
        encoded: Tensor = bound + self.encode_site(site) + self.encode_plainly(site)
        return encoded

    def score(self, orbits: Orbits, z: Tensor, level: Tensor, condition: Tensor) -> Scores:
        """How likely the decoder makes n genes.

        Args:
            orbits: the genes.
            z: (n, latent) latent with its noise, as the decoder receives it.
            level: (n,) noise level.
            condition: (n, 4 * targets), see :func:`condition_of`.
        """
        tables = self.embedding()
        parts = self._parts(tables, orbits)
        kept = torch.sqrt(1 - level**2)[:, None, None]
        taken = torch.cat([torch.zeros_like(parts[:, :1]), kept * parts.cumsum(1)], 1)
        remainder = kept * (z[:, None] - taken)
        x = self._read(tables, orbits, remainder) + self.condition(level, condition)[:, None]
        for block in self.blocks:
            x = block(x, causal=True)
        x = self.normalise(x)
        group = self.group_logits(tables, x[:, 0])
        return _scores(self, tables, orbits, group, x[:, 1:], remainder[:, 1:])

    def predict(self, z: Tensor) -> Tensor:
        """(n, targets, 3) location, log scale and log-odds of zero of the properties at n points of the latent."""
        found: Tensor = self.properties(z)
        return found.view(len(z), len(self.config.targets), 3)

    def group_logits(self, tables: Tables, x: Tensor) -> Tensor:
        """(n, 230) from the first place."""
        asked: Tensor = self.ask_group(x)
        return asked @ tables.group.T + self.group_bias

    def element_logits(self, tables: Tables, x: Tensor, remainder: Tensor, group: Tensor) -> Tensor:
        """(n, k, E + 1) of the next orbit in groups (n,); the last means that there is none."""
        choices = torch.cat([tables.element, self.stop[None]])
        asked: Tensor = self.ask_element(x)
        plain: Tensor = self.plain_elements(remainder)
        freed: Tensor = self.key_of_group(tables.group[group])[:, None] * remainder
        found = F.pad(_matches(freed, self.key_of_element, tables.element), (0, 1))
        return 2 / math.sqrt(self.config.width) * asked @ choices.T + plain + self._match * found

    def letter_logits(self, tables: Tables, x: Tensor, remainder: Tensor, element: Tensor, group: Tensor) -> Tensor:
        """(n, k, 27) of the position of orbits with these element vectors (n, k, d) in groups (n,)."""
        positions = tables.position[self.embedding.index[group]]
        asked: Tensor = self.ask_position(torch.cat([x + self.plain_position(remainder), element], -1))
        freed: Tensor = self.key_of_element(element) * remainder
        found = _matches(freed, self.key_of_position, positions)
        return 2 / math.sqrt(self.config.width) * asked @ positions.transpose(1, 2) + self._match * found

    @property
    def _match(self) -> float:
        """Factor that keeps matches of order one at the beginning."""
        return 4 / math.sqrt(self.config.latent)

    def condition(self, level: Tensor, condition: Tensor) -> Tensor:
        """(n, d) what the decoder is told beside the latent: the noise level (n,) and the wanted properties."""
        told: Tensor = self.read_condition(torch.cat([level[:, None], condition], -1))
        return told

    def read(self, remainder: Tensor, sites: Tensor | None = None) -> Tensor:
        """Input of a place: the remainder of the latent and, from the second place on, what was emitted before."""
        read: Tensor = self.read_remainder(remainder)
        return read if sites is None else read + self.read_site(sites)

    def places(self, numbers: Tensor | int) -> Tensor:
        """(…, d) vectors of places of the decoder by number."""
        last = len(self.place) - 1
        return self.place[torch.as_tensor(numbers).clamp(max=last)]

    def _parts(self, tables: Tables, orbits: Orbits) -> Tensor:
        """(n, k + 1, latent) encodings of the group and of the orbits, 0 at empty places."""
        element, position = self.embedding.sites(tables, orbits)
        sites = self.encode_orbit(torch.cat([element, position], -1)) * orbits.present[..., None]
        return torch.cat([self.encode_group(tables.group[orbits.group])[:, None], sites], 1)

    def _read(self, tables: Tables, orbits: Orbits, remainder: Tensor) -> Tensor:
        """(n, k + 2, d) input of all places: the start, behind the group, and behind every orbit."""
        element, position = self.embedding.sites(tables, orbits)
        group = tables.group[orbits.group]
        before = torch.cat([element, position, group[:, None].expand_as(element)], -1)
        nothing = torch.zeros_like(group)
        first = torch.stack([torch.cat([nothing, nothing, part], -1) for part in (nothing, group)], 1)
        sites = torch.cat([first, before], 1)
        return self.read(remainder, sites) + self.places(torch.arange(sites.shape[1], device=sites.device))


def _matches(freed: Tensor, key: nn.Linear, vectors: Tensor) -> Tensor:
    """(n, k, c) products of what was freed (n, k, latent) with the keys of c vectors (c, d) or (n, c, d)."""
    return freed @ key.weight @ vectors.transpose(-1, -2) + (freed @ key.bias)[..., None]


def condition_of(properties: Tensor, given: Tensor) -> Tensor:
    """(n, 4 t) wanted properties as the decoder reads them.

    Args:
        properties: (n, t) scaled values, NaN where unknown.
        given: (n, t) which of them to tell.
    """
    told = given & ~properties.isnan()
    value = properties.nan_to_num() * told
    return torch.cat([told.to(value), value, value**2 / 4, (told & (value == 0)).to(value)], -1)


def with_noise(z: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """(n, latent) what the decoder receives of latents at noise levels (n,), with standard normal noise."""
    return torch.sqrt(1 - level**2)[:, None] * z + level[:, None] * noise


def _scores(model: OrbitVAE, tables: Tables, orbits: Orbits, group: Tensor, x: Tensor, remainder: Tensor) -> Scores:
    n_elements = model.config.elements
    chosen = F.pad(orbits.element, (0, 1), value=ABSENT)
    wanted = torch.where(chosen == ABSENT, n_elements, chosen)
    reached = F.pad(orbits.present, (1, 0), value=True)
    element_vectors, _ = model.embedding.sites(tables, orbits)
    elements = _log_probabilities(
        model.element_logits(tables, x, remainder, orbits.group), element_masks(orbits, n_elements)
    )
    letters = _log_probabilities(
        model.letter_logits(tables, x[:, :-1], remainder[:, :-1], element_vectors, orbits.group), letter_masks(orbits)
    )
    letter = orbits.letter.clamp(min=0)
    by_element = elements.gather(-1, wanted[..., None])[..., 0] * reached
    by_letter = letters.gather(-1, letter[..., None])[..., 0] * orbits.present
    groups = group.float().log_softmax(-1)
    right = torch.stack(
        [
            ((elements.argmax(-1) == wanted) | ~reached).all(1),
            ((letters.argmax(-1) == letter) | ~orbits.present).all(1),
            groups.argmax(-1) == orbits.group,
        ],
        1,
    )
    orbit_scores = by_element + F.pad(by_letter, (0, 1))
    return Scores(groups.gather(-1, orbits.group[:, None])[:, 0], orbit_scores, right)


def _log_probabilities(logits: Tensor, allowed: Tensor) -> Tensor:
    return logits.float().masked_fill(~allowed, _IMPOSSIBLE).log_softmax(-1)
