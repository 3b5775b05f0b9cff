"""Install Sakiyomi: with colcon as the ROS 2 package `sakiyomi`, with pip as a Python package."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = 'sakiyomi'
ROOT = Path(__file__).resolve().parent
MANIFEST = ElementTree.parse(ROOT / 'package.xml').getroot()
SHARED = ('config', 'launch', 'models', 'urdf')
NODES = ('planner_node', 'simulation_node', 'viewer_node', 'world_model_node')


def shared_files():
    """The files that are not Python, by the folder that they are installed into."""
    folders = {f'share/{NAME}': ['package.xml']}
    paths = (path for name in SHARED for path in sorted((ROOT / name).rglob('*')))
    for path in paths:
        if path.is_file() and '__pycache__' not in path.parts:
            relative = path.relative_to(ROOT)
            folders.setdefault(f'share/{NAME}/{relative.parent}', []).append(str(relative))
    return list(folders.items())


def runtime_requirements():
    """What pip installs besides ROS 2: the first section of requirements.in."""
    section = (ROOT / 'requirements.in').read_text().partition('# run\n')[2]
    return section.partition('\n\n')[0].split()


setup(
    name=NAME,
    version=MANIFEST.findtext('version'),
    description=MANIFEST.findtext('description'),
    license=MANIFEST.findtext('license'),
    maintainer=MANIFEST.findtext('maintainer'),
    maintainer_email=MANIFEST.find('maintainer').get('email'),
    packages=find_packages(include=['sakiyomi*', '*_node*'], exclude=['sakiyomi_interfaces*']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        *shared_files(),
    ],
    python_requires='>=3.11',
    install_requires=['setuptools', *runtime_requirements()],
    zip_safe=True,
    entry_points={
        'console_scripts': [
            f'{NAME} = sakiyomi_cli.main:main',
            *(f'{node} = {node}.node:main' for node in NODES),
        ],
    },
)
