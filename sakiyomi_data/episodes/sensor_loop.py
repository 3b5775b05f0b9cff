"""The sensors of one episode, read in the order in which their readings arrive."""

from __future__ import annotations

from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.sensor_feed import Reading, SensorFeed
from sakiyomi_data.episodes.hand_recorder import HandRecorder
from sakiyomi_data.episodes.layout import FRAME_PERIOD_S, SAMPLE_PERIOD_S
from sakiyomi_data.episodes.truth_columns import TruthRecorder
from sakiyomi_data.scenarios.interaction import ScenarioPlayer
from simulation_node.config import PHYSICS_HZ

FRAME_TICKS, SAMPLE_TICKS = round(FRAME_PERIOD_S * PHYSICS_HZ), round(SAMPLE_PERIOD_S * PHYSICS_HZ)


class SensorLoop:
    """Gives the fusion every reading, and the notes touch and truth.

    Args:
        player: what happens.
        feed: which advances it.
        masked_model: the fusion.
        truth: noted every SAMPLE_PERIOD_S.
        hand: what it feels, in windows of SAMPLE_PERIOD_S.
    """

    def __init__(
        self,
        player: ScenarioPlayer,
        feed: SensorFeed,
        masked_model: MaskedModel,
        truth: TruthRecorder,
        hand: HandRecorder,
    ) -> None:
        self._player, self._feed, self._masked_model = player, feed, masked_model
        self._truth, self._hand = truth, hand

    def first_frame(self) -> Scene:
        """The scene as the episode begins."""
        for stream, reading in self._feed.read_all():
            self._take(stream, reading)
        return self._close()

    def next_frame(self) -> Scene:
        """The scene one FRAME_PERIOD_S later."""
        while True:
            for stream, reading in self._feed.advance():
                self._take(stream, reading)
            if self._player.tick % FRAME_TICKS == 0:
                return self._close()
            if self._player.tick % SAMPLE_TICKS == 0:
                self._record()

    def _take(self, stream: str, reading: Reading) -> None:
        self._masked_model.add(stream, reading)
        if stream == 'touch':
            self._hand.add_reading(reading.joints, reading.wrench, reading.pads)

    def _close(self) -> Scene:
        self._record()
        return self._masked_model.update(self._player.cell.time_s)

    def _record(self) -> None:
        self._truth.record()
        self._hand.close_window()
