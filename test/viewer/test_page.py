"""The page in a real browser, with closed-form data and no ROS."""

import io

import fake_world
import numpy as np
import pytest
from PIL import Image

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from viewer_node.config import ViewerConfig
from viewer_node.layers.visuals import load_visuals
from viewer_node.page import Page
from viewer_node.port import require_free_port

TIMEOUT_MS = 90_000  # software rendering on a busy machine
VIEW = {'width': 1100, 'height': 640}


class Window:
    """An open page with its notebook."""

    def __init__(self, page, tab, notebook):
        self.page, self.tab, self.notebook = page, tab, notebook

    def click(self, label):
        self.tab.get_by_role('button', name=label, exact=True).click()

    def spread_and_colors(self):
        """Of the view between the panels: standard deviation, number of different colours."""
        picture = np.asarray(Image.open(io.BytesIO(self.tab.screenshot())).convert('RGB'))
        view = picture[50:-50, 420:-360].astype(float)
        return view.std(), len(np.unique(view.reshape(-1, 3) // 16, axis=0))

    def wait_until_asked(self, count):
        for _ in range(300):
            if len(self.notebook.asked) >= count:
                return self.notebook.asked
            self.tab.wait_for_timeout(100)
        return self.notebook.asked


@pytest.fixture(scope='module')
def window(browser):
    import socket

    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    description = compose()
    robot = RobotModel(description)
    notebook = fake_world.Notebook()
    page = Page(ViewerConfig(port=port), load_visuals(description.urdf_xml), notebook)
    page.show_robot(robot.link_poses(robot.q_home))
    fake_world.fill(page)
    assert not page.has_viewers
    tab = browser.new_page(viewport=VIEW)
    tab.set_default_timeout(TIMEOUT_MS)
    tab.goto(page.url)
    tab.get_by_text('predicted success').wait_for()
    yield Window(page, tab, notebook)
    tab.close()
    page.close()


def test_somebody_who_looks_is_noticed(window):
    assert window.page.has_viewers


def test_the_view_is_not_blank(window):
    for _ in range(60):  # software rendering takes its time
        window.tab.wait_for_timeout(1000)
        spread, colors = window.spread_and_colors()
        if spread > 15 and colors > 30:
            break
    assert spread > 15
    assert colors > 30


def test_the_panels_say_what_is_known(window):
    text = window.tab.inner_text('body')
    for part in (
        'Sakiyomi',
        'lift',
        '87 %',
        'world model',
        'physics prior',
        'Camera',
        'Touch',
        '200 ± 100 g',
    ):
        assert part in text


def test_the_stop_button_stops(window):
    window.notebook.asked.clear()
    window.click('Stop')
    assert window.wait_until_asked(1) == [('stop',)]


def test_picking_what_is_selected_names_it(window):
    window.notebook.asked.clear()
    window.page._panel.select(4)
    window.click('Pick selected')
    window.click('Pick any')
    assert sorted(window.wait_until_asked(2), key=str) == [('pick', 4), ('pick', None)]


def test_the_disturbing_buttons_disturb(window):
    window.notebook.asked.clear()
    window.page._panel.select(2)
    for label, count in (('Push selected', 1), ('Throw an object', 2), ('Reset the scene', 3)):
        window.click(label)
        window.wait_until_asked(count)
    assert window.notebook.asked == [('push', 2), ('throw',), ('reset', 0)]


def test_an_answer_is_said_on_the_page(window):
    window.page.show_message('no planner answers: /planner/pick has no server')
    window.tab.get_by_text('has no server').wait_for()


def test_an_object_that_is_gone_can_no_longer_be_chosen(window):
    window.page._panel.select(5)
    window.page.show_objects(fake_world.objects()[:2])
    assert window.page._panel.selected is None
    window.page.show_objects(fake_world.objects())


def test_a_taken_port_is_one_line_that_names_it(taken_port):
    with pytest.raises(BadInputError, match=f'port {taken_port} on 127.0.0.1 is taken') as caught:
        Page(ViewerConfig(port=taken_port), [], fake_world.Notebook())
    assert '\n' not in str(caught.value)


def test_a_foreign_host_is_refused():
    with pytest.raises(BadInputError, match='expected an address of this machine'):
        require_free_port('203.0.113.7', 8080)


def test_everything_can_be_shown_without_a_browser(free_port):
    page = Page(ViewerConfig(port=free_port), [], fake_world.Notebook())
    try:
        fake_world.fill(page)
        page.show_objects(())
        page.show_predictions((), ())
        page.show_path(())
        page.show_grasp(None)
        page.show_cloud(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8))
        fake_world.fill(page, 0.5)
    finally:
        page.close()
