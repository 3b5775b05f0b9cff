"""The sensors of one episode, read in the order in which their readings arrive."""

from __future__ import annotations

from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.sensor_feed import Reading, SensorFeed
from sakiyomi_training.episodes.hand_notes import HandNotes
from sakiyomi_training.episodes.layout import FINE_S, FRAME_S
from sakiyomi_training.episodes.truth_columns import TruthNotes
from simulation_node.config import PHYSICS_HZ
from simulation_node.interactions.interaction import Play

FRAME_TICKS, FINE_TICKS = round(FRAME_S * PHYSICS_HZ), round(FINE_S * PHYSICS_HZ)


class Sensing:
    """Gives the fusion every reading, and the notes touch and truth.

    Args:
        play: what happens.
        feed: which advances it.
        watched: the fusion.
        truth: noted every FINE_S.
        hand: what it feels, in windows of FINE_S.
    """

    def __init__(
        self,
        play: Play,
        feed: SensorFeed,
        watched: MaskedModel,
        truth: TruthNotes,
        hand: HandNotes,
    ) -> None:
        self._play, self._feed, self._watched = play, feed, watched
        self._truth, self._hand = truth, hand

    def first_frame(self) -> Scene:
        """The scene as the episode begins."""
        for stream, reading in self._feed.first():
            self._take(stream, reading)
        return self._close()

    def next_frame(self) -> Scene:
        """The scene one FRAME_S later."""
        while True:
            for stream, reading in self._feed.advance():
                self._take(stream, reading)
            if self._play.tick % FRAME_TICKS == 0:
                return self._close()
            if self._play.tick % FINE_TICKS == 0:
                self._note()

    def _take(self, stream: str, reading: Reading) -> None:
        self._watched.add(stream, reading)
        if stream == 'touch':
            self._hand.feel(reading.joints, reading.wrench, reading.pads)

    def _close(self) -> Scene:
        self._note()
        return self._watched.update(self._play.cell.time_s)

    def _note(self) -> None:
        self._truth.note()
        self._hand.close_window()
