import pytest

from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel


@pytest.fixture
def model():
    return WorldModel(WorldModelConfig())
