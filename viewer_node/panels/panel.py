"""The panels beside the 3-D view: pick and buttons on the right, senses and timings left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import viser

from sakiyomi.errors import SakiyomiError
from viewer_node.panels.actions import PageActions
from viewer_node.panels.cards import (
    health_card,
    message_card,
    objects_card,
    pick_card,
    times_card,
)
from viewer_node.panels.status import PickStatus

ANY = 'any'
LAYERS = ('cloud', 'objects', 'predictions', 'plan', 'sensors')  # that can be hidden
LEFT_WIDTH_PX, RIGHT_WIDTH_PX = 380, 320


class Panel:
    """The GUI's handles; what is chosen or switched goes to the two callbacks."""

    def __init__(
        self,
        gui: viser.GuiApi,
        actions: PageActions,
        on_select: Callable[[int | None], None],
        on_show: Callable[[str, bool], None],
    ):
        self._gui = gui
        self._actions = actions
        self._on_select = on_select
        self._ids: tuple[int, ...] = ()
        self._add_pick()
        self._add_disturbances()
        with gui.add_folder('Objects'):
            self.objects = gui.add_html(objects_card(()))
        with gui.add_folder('Health'):
            self.health = gui.add_html(health_card(()))
        self._add_switches(on_show)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(RIGHT_WIDTH_PX)

    @property
    def selected(self) -> int | None:
        """The object chosen in the drop-down."""
        return None if self._target.value == ANY else int(self._target.value.removeprefix('#'))

    def select(self, object_id: int) -> None:
        """Choose an object, as a click on it does."""
        if object_id in self._ids:
            self._target.value = f'#{object_id}'

    def offer(self, ids: tuple[int, ...]) -> None:
        """The objects that can be chosen now; a choice that is gone falls back to any."""
        if ids == self._ids:
            return
        chosen = self.selected
        self._ids = ids
        self._target.options = (ANY, *(f'#{object_id}' for object_id in ids))
        if chosen is not None and chosen not in ids:
            self._target.value = ANY
            self._on_select(None)

    def show_message(self, text: str) -> None:
        """One line under the buttons."""
        self.message.content = message_card(text)

    def _add_pick(self) -> None:
        gui = self._gui
        with gui.add_folder('Pick'):
            self.status = gui.add_html(pick_card(PickStatus()))
            self._target = gui.add_dropdown('Object', (ANY,), initial_value=ANY)
            self._target.on_update(lambda _: self._on_select(self.selected))
            self._button('Pick selected', 'HAND_CLICK', lambda: self._actions.pick(self.selected))
            self._button('Pick any', 'HAND_GRAB', lambda: self._actions.pick(None))
            self._button('Stop', 'HAND_STOP', self._actions.stop, 'red')
            self.message = gui.add_html(message_card(''))

    def _add_disturbances(self) -> None:
        gui = self._gui
        with gui.add_folder('Disturb'):
            self._button('Push selected', 'ARROW_BIG_RIGHT', self._push, 'gray')
            self._button('Throw an object', 'METEOR', self._actions.throw, 'gray')
            self._seed = gui.add_number('Seed', 0, min=-1, max=2**31 - 1, step=1)
            reset = lambda: self._actions.reset(int(self._seed.value))  # noqa: E731
            self._button('Reset the scene', 'REFRESH', reset, 'gray')

    def _add_switches(self, on_show: Callable[[str, bool], None]) -> None:
        with self._gui.add_folder('Show', expand_by_default=False):
            for part in LAYERS:
                box = self._gui.add_checkbox(part.capitalize(), True)
                box.on_update(lambda event, part=part: on_show(part, event.target.value))

    def add_sensor_panel(self, image: np.ndarray, pads: np.ndarray, jpeg_quality: int) -> None:
        """The left panel, with what its pictures show until there are newer ones."""
        gui = self._gui
        senses = gui.add_panel()
        with senses.add_tab('Senses', viser.Icon.EYE):
            self.image = gui.add_image(
                image, label='Camera', format='jpeg', jpeg_quality=jpeg_quality
            )
            self.pads = gui.add_image(pads, label='Touch', format='jpeg', jpeg_quality=90)
            with gui.add_folder('Timings'):
                self.times = gui.add_html(times_card((), {}))
        senses.dock_left()
        senses.set_width(LEFT_WIDTH_PX)

    def _button(
        self, label: str, icon: str, action: Callable[[], str], color: str | None = None
    ) -> None:
        button = self._gui.add_button(label, icon=getattr(viser.Icon, icon), color=color)
        button.on_click(lambda _: self._answer(action))

    def _answer(self, action: Callable[[], str]) -> None:
        try:
            self.show_message(action())
        except SakiyomiError as error:
            self.show_message(str(error))

    def _push(self) -> str:
        if self.selected is None:
            return 'choose an object first: click on it, or take it from the list'
        return self._actions.push(self.selected)
