"""The detector on a clip, as one procedure: bytes in, report out.

1 choose the frames to look at  2 find the faces of each, measure them, and let every expert read them
3 follow the faces into tracks  4 ask each expert for one opinion: that of its most suspicious track
5 read provenance  6 fuse into a verdict that says what was not looked at
"""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detector.classifier.calibration import probability
from detector.classifier.scorer import Expert, Views
from detector.ensemble import by_kind, face_scores, heard, reconcile
from detector.faces import FaceFinder
from detector.opinions import ExpertResult, JudgedFace, Look, judge, opinion_of, result_of
from detector.provenance.check import ProvenanceChecker
from detector.provenance.known_media import KnownMediaList
from detector.reasons import Reason
from detector.sandbox import Sandbox
from detector.tracks import Appearance, Sighting, appearance_of, follow
from detector.types import Evidence, Face, FaceScores, Frame, Moment, Pixels, Report, Tier, Verdict, Where
from detector.verdict import decide, provenance_evidence
from detector.video import MARK_FRAMES, SIDE, Clip, Sample, best_first, open_clip, read_frames, read_keys, spread

MAX_FACES: Final = 8
"""Faces of a frame that are judged, the largest: with 64 frames that is as much work as 16 group photos."""
READ_AT: Final = {"cuda": 16, "cpu": 4}
"""Faces after which the experts read those that wait: a full batch on a GPU. On a CPU 8 instead of 16 were measured to
save 150 MB of the peak, and 4 instead of 8 another 60."""
TRIM: Final = 0.1
"""Share of a track's logits that is left out at either end: a blink, a hand, a face half turned away."""
HARD_BITS_PER_PIXEL: Final = 0.02
"""Compressed bits per pixel of a clip under which its faces count as `hard`. Chosen, not measured: a real talking head
in H.264 at 200 kbit/s and 480 px lies at .03."""
ALWAYS: Final = (Reason.FRAMES_SAMPLED, Reason.SOUND_NOT_ANALYSED)
_WORST: Final = (Tier.HARD, Tier.WEB, Tier.CLEAN)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A face in the sample number `order`, as found in the decoded frame; `face.index` is its place in the report.

    `readings` are raw logit and distance by expert, none if the face is not fit to judge.
    """

    order: int
    shot: int
    face: JudgedFace
    appearance: Appearance
    readings: tuple[tuple[float, float], ...] = ()


class Footage:
    """Looks at clips with these experts; `own` are an operator's, each with whether it may flag."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        checker: ProvenanceChecker,
        finder: FaceFinder,
        experts: Sequence[Expert],
        own: Sequence[tuple[Expert, bool]] = (),
        device: str = "cpu",
    ) -> None:
        self._sandbox = sandbox
        self._checker = checker
        self._finder = finder
        self._one_at_a_time = threading.Lock()
        self._read_at = READ_AT["cuda" if device.startswith("cuda") else "cpu"]
        self._shipped = len(experts)
        self._experts = [*experts, *(expert for expert, _ in own)]
        self._may_flag = [*(True for _ in experts), *(flags for _, flags in own)]

    def inspect(self, data: bytes, *, known: Sequence[KnownMediaList] = ()) -> Report:
        """The report on one clip; raises a `DetectorError` if nothing in it can be judged.

        One clip is in work at a time: two together take as long, and twice the memory.
        """
        with self._one_at_a_time:
            return self._inspect(data, known)

    def _inspect(self, data: bytes, known: Sequence[KnownMediaList]) -> Report:
        clip = open_clip(data, sandbox=self._sandbox)  # 1
        watcher = Watcher(clip, self._finder, self._experts, read_at=self._read_at)
        for batch in read_frames(data, clip, sandbox=self._sandbox):
            for sample, frame in batch:
                watcher.watch(sample, frame)  # 2
        seen = followed(watcher.finish(), clip)  # 3
        results = self._results(seen)  # 4
        stills = watcher.stills()
        keys = read_keys(data, clip, sandbox=self._sandbox, samples=[sample for sample, _ in stills])
        middle, *more = best_first(stills, keys)
        provenance = self._checker.check(data, clip.media, middle, more=more, known=known)  # 5
        opinions = reconcile([item.opinion for item in results])
        faces = tuple(FaceScores(one.face.face, face_scores(results, one.face.index)) for one in seen)
        return Report(
            media=clip.media,
            verdict=limited(decide(provenance, opinions), whole=clip.whole and watcher.read_all),  # 6
            scores=by_kind(opinions),
            faces=faces,
            evidence=(*(e for item in results for e in item.evidence), *provenance_evidence(provenance)),
            provenance=provenance,
            timeline=tuple(moment(sample, faces, kinds=by_kind(opinions)) for sample in watcher.samples),
        )

    def _results(self, seen: Sequence[Seen]) -> list[ExpertResult]:
        found = [result(expert, at, seen) for at, expert in enumerate(self._experts)]
        return [
            heard(item, expert.card, flags=flags) if at >= self._shipped else item
            for at, (item, expert, flags) in enumerate(zip(found, self._experts, self._may_flag, strict=True))
        ]


class Watcher:
    """Takes the frames of a clip one by one and keeps of them what is needed: the faces and a few stills."""

    def __init__(self, clip: Clip, finder: FaceFinder, experts: Sequence[Expert], *, read_at: int) -> None:
        self.samples: list[Sample] = []
        self._clip = clip
        self._finder = finder
        self._experts = experts
        self._read_at = read_at
        self._seen: list[Seen] = []
        self._waiting: list[tuple[int, list[Views]]] = []
        self._wanted = {sample.frame for sample in spread(clip.samples, MARK_FRAMES)}
        self._stills: list[tuple[Sample, Pixels]] = []

    @property
    def read_all(self) -> bool:
        return len(self.samples) == len(self._clip.samples)

    def watch(self, sample: Sample, frame: Frame) -> None:
        order = len(self.samples)
        self.samples.append(sample)
        if sample.frame in self._wanted or order == 0:
            self._stills.append((sample, frame.pixels.copy()))  # its own, or it would keep its whole batch in memory
        found = self._finder.find(frame.pixels)[:MAX_FACES]
        for judged in judge(frame.pixels, found, jpeg=None):
            placed = replace(judged.face, frame=sample.frame, time_s=sample.time_s)
            face = JudgedFace(len(self._seen), placed, tier_of(judged.tier, self._clip), judged.unfit)
            self._seen.append(Seen(order, sample.shot, face, appearance_of(frame.pixels, judged.face)))
            if not face.unfit:
                views = [expert.prepare(frame.pixels, judged.face) for expert in self._experts]
                self._waiting.append((face.index, views))
        if len(self._waiting) >= self._read_at:
            self._read()

    def finish(self) -> list[Seen]:
        """All faces, in order of time."""
        self._read()
        return self._seen

    def stills(self) -> list[tuple[Sample, Pixels]]:
        """At least one frame, at most `MARK_FRAMES`."""
        return self._stills if len(self._stills) <= MARK_FRAMES else self._stills[1:]

    def _read(self) -> None:
        """Has the experts read the waiting faces, of however many frames, together."""
        if not self._waiting:
            return
        readings = [expert.read([views[at] for _, views in self._waiting]) for at, expert in enumerate(self._experts)]
        for row, (index, _) in enumerate(self._waiting):
            pairs = tuple((float(reading.logits[row]), float(reading.distances[row])) for reading in readings)
            self._seen[index] = replace(self._seen[index], readings=pairs)
        self._waiting = []


def tier_of(tier: Tier, clip: Clip) -> Tier:
    """The tier of a face whose size alone gives `tier`: a clip is never clean, and starved of bits it is hard.

    The clean tier was measured on photos at JPEG quality 80 and above alone, and no frame of a clip is as good as that
    for certain. The web tier has not been measured on clips either.
    """
    if clip.bits_per_pixel < HARD_BITS_PER_PIXEL:
        return Tier.HARD
    return Tier.WEB if tier is Tier.CLEAN else tier


def followed(seen: Sequence[Seen], clip: Clip) -> list[Seen]:
    """The faces with their tracks, and their places in pixels of the clip as it is shown."""
    tracks = follow([Sighting(one.order, one.shot, one.face.face.box, one.appearance) for one in seen])
    scale = max(1.0, max(clip.media.width, clip.media.height) / SIDE)
    return [
        replace(one, face=replace(one.face, face=scaled(replace(one.face.face, track=track), scale)))
        for one, track in zip(seen, tracks, strict=True)
    ]


def scaled(face: Face, factor: float) -> Face:
    x0, y0, x1, y1 = (side * factor for side in face.box)
    return replace(face, box=(x0, y0, x1, y1), landmarks=tuple((x * factor, y * factor) for x, y in face.landmarks))


def result(expert: Expert, at: int, seen: Sequence[Seen]) -> ExpertResult:
    """What the expert number `at` makes of the clip: its opinion, and evidence of tracks first, then of faces."""
    calibrations = expert.card.calibrations
    looks = [Look(one.face, *one.readings[at], calibrations[one.face.tier]) for one in seen if one.readings]
    numbers = sorted({look.face.face.track for look in looks if look.face.face.track is not None})
    tracks = [track_look([look for look in looks if look.face.face.track == number]) for number in numbers]
    faces = [one.face for one in seen]
    found = result_of(expert, faces, looks, opinion_of(expert, faces, tracks))
    return replace(found, evidence=(*(track_evidence(expert, track) for track in tracks), *found.evidence))


def track_look(looks: Sequence[Look]) -> Look:
    """One look for a whole track, under its most suspicious face: trimmed mean of the logits, median of the distances.

    Only the faces of the tier that most of them have count, since raw logits of two tiers do not compare. The mean of
    a track strays less than the single faces that the thresholds were set for, so these hold with room to spare.
    """
    counts = Counter(look.face.tier for look in looks)
    tier = max(_WORST, key=lambda one: counts[one])  # the worse one on a tie
    same = [look for look in looks if look.face.tier is tier]
    top = max(same, key=lambda look: look.logit)
    distance = float(np.median([look.distance for look in same]))
    return replace(top, logit=trimmed_mean([look.logit for look in same]), distance=distance)


def trimmed_mean(values: Sequence[float]) -> float:
    """Mean without the lowest and the highest `TRIM` of `values`, of which there is at least one."""
    cut = int(TRIM * len(values))
    return float(np.mean(sorted(values)[cut : len(values) - cut]))


def track_evidence(expert: Expert, look: Look) -> Evidence:
    return Evidence(
        expert.card.kind,
        look.state,
        score=probability(look.logit, look.calibration),
        tier=look.face.tier,
        model=expert.card.name,
        reasons=(Reason.OUT_OF_DOMAIN,) if look.strange else (),
        where=Where(track=look.face.face.track),
    )


def moment(sample: Sample, faces: Sequence[FaceScores], *, kinds: Iterable[str]) -> Moment:
    """The highest score by kind of the faces in `sample`."""
    here = [item.scores for item in faces if item.face.frame == sample.frame]
    scores = {kind: max((s for item in here if (s := item.get(kind)) is not None), default=None) for kind in kinds}
    return Moment(sample.frame, sample.time_s, sample.shot, scores)


def limited(verdict: Verdict, *, whole: bool) -> Verdict:
    """`verdict` with what it does not cover as its last reasons."""
    return replace(verdict, reasons=(*verdict.reasons, *(() if whole else (Reason.CLIP_INCOMPLETE,)), *ALWAYS))
