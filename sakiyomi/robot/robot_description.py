"""Compose the robot's URDF: the arm by reference, the work cell around it merged in.

A real cell passes its own arm URDF and its own attachments; nothing here knows the arm's meshes.
"""

from __future__ import annotations

import copy
import os
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_rpy, make_transform
from sakiyomi.paths import share_dir
from sakiyomi.robot.robot_config import (
    RobotConfig,
    arm_urdf_path,
    read_robot_config,
    robot_config_path,
)


@dataclass(frozen=True)
class RobotDescription:
    """One URDF with absolute mesh paths, and the robot beyond its URDF."""

    urdf_xml: str
    config: RobotConfig

    @cached_property
    def root(self) -> ET.Element:
        """The parsed `<robot>` element; treat it as read-only."""
        return ET.fromstring(self.urdf_xml)

    @property
    def link_names(self) -> tuple[str, ...]:
        """Every link in the file's order."""
        return tuple(link.get('name') for link in self.root.findall('link'))

    @cached_property
    def root_link(self) -> str:
        """The link that is no joint's child."""
        children = {j.find('child').get('link') for j in self.root.findall('joint')}
        return next(name for name in self.link_names if name not in children)

    @cached_property
    def arm_root(self) -> str:
        """The link below the root that carries every moving joint."""
        joint = next(j for j in self.root.findall('joint') if j.get('type') != 'fixed')
        link = joint.find('parent').get('link')
        while link != self.root_link and self.parent_of(link) != self.root_link:
            link = self.parent_of(link)
        return link

    def parent_of(self, link: str) -> str:
        """The link that `link` is mounted on.

        Raises:
            BadInputError: no such link, or it is the root.
        """
        for joint in self.root.findall('joint'):
            if joint.find('child').get('link') == link:
                return joint.find('parent').get('link')
        raise BadInputError(f'link {link!r}: has no parent in the robot description, expected one')

    def subtree(self, link: str) -> str:
        """The URDF of `link` and everything below it.

        Raises:
            BadInputError: no such link.
        """
        return self._selected(self._below(self._checked_link(link)))

    def without(self, link: str) -> str:
        """The URDF of everything but `link` and what is below it."""
        return self._selected(set(self.link_names) - self._below(self._checked_link(link)))

    def fixed_pose(self, link: str, ancestor: str = 'world') -> np.ndarray:
        """`T_ancestor_link` through fixed joints alone. Shape (4, 4).

        Raises:
            BadInputError: no such link, or a moving joint lies between.
        """
        parents = {j.find('child').get('link'): j for j in self.root.findall('joint')}
        T_ancestor_link = np.eye(4)
        at = self._checked_link(link)
        while at != ancestor:
            joint = parents.get(at)
            if joint is None or joint.get('type') != 'fixed':
                raise BadInputError(f'link {link!r}: expected fixed joints up to {ancestor!r}')
            T_ancestor_link = origin_of(joint) @ T_ancestor_link
            at = joint.find('parent').get('link')
        return T_ancestor_link

    def _checked_link(self, link: str) -> str:
        if link not in self.link_names:
            raise BadInputError(f'robot description: no link {link!r}, it has {self.link_names}')
        return link

    def _below(self, link: str) -> set[str]:
        found, grown = {link}, True
        while grown:
            children = {
                joint.find('child').get('link')
                for joint in self.root.findall('joint')
                if joint.find('parent').get('link') in found
            }
            grown = not children <= found
            found |= children
        return found

    def _selected(self, links: set[str]) -> str:
        robot = ET.Element('robot', self.root.attrib)
        for element in self.root:
            ends = [element.find(end) for end in ('parent', 'child')]
            if element.tag == 'link':
                keep = element.get('name') in links
            elif element.tag == 'joint':
                keep = all(end.get('link') in links for end in ends)
            else:
                keep = True
            if keep:
                robot.append(copy.deepcopy(element))
        return ET.tostring(robot, encoding='unicode')


def compose(
    arm_urdf: str | Path | None = None, attachments: str | Path | None = None
) -> RobotDescription:
    """Merge the attachments' links and joints into the arm's URDF.

    Args:
        arm_urdf: the arm, with a robot file beside it where the arm is not ours; where None or
            empty, the arm that our robot file names.
        attachments: a URDF fragment whose joints may name the arm's links; our work cell where
            None or empty.

    Raises:
        BadInputError: a file is missing or no URDF, a mesh is not found, a joint names an
            unknown link, a link occurs twice, the links form no single tree, or the robot file
            does not fit.
    """
    config_path = robot_config_path(arm_urdf)
    config = read_robot_config(config_path)
    arm_path = Path(arm_urdf) if arm_urdf else arm_urdf_path(config, config_path.parent)
    robot = _parsed(arm_path)
    robot.extend(_parsed(Path(attachments) if attachments else default_attachments()))
    _check_tree(robot)
    return RobotDescription(ET.tostring(robot, encoding='unicode'), config)


def default_attachments() -> Path:
    """Our own work cell."""
    return share_dir('urdf') / 'workcell.urdf'


def resolve_mesh(filename: str, urdf_folder: Path) -> Path:
    """The absolute path of a mesh that a URDF names: `package://`, `file://` or relative to it.

    Raises:
        BadInputError: no such file.
    """
    relative = filename.removeprefix('file://')
    candidates = [urdf_folder / relative]
    if filename.startswith('package://'):
        relative = filename.removeprefix('package://')
        package, _, rest = relative.partition('/')
        prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
        candidates = [Path(p) / 'share' / package / rest for p in prefixes]
        for folder in (urdf_folder, *urdf_folder.parents):
            # some URDFs, those of pybullet_data among them, name a folder of their own as package
            candidates += [folder / relative] + [folder / rest] * (folder.name == package)
    for path in candidates:
        if path.is_file():
            return path.resolve()
    raise BadInputError(f'mesh {filename!r} named in {urdf_folder}: no such file')


def origin_of(element: ET.Element) -> np.ndarray:
    """The (4, 4) transform of an element's `<origin>`; identity where it has none."""
    origin = element.find('origin')
    if origin is None:
        return make_transform()
    xyz, rpy = ([float(v) for v in origin.get(key, '0 0 0').split()] for key in ('xyz', 'rpy'))
    return from_xyz_rpy(xyz, rpy)


def _parsed(path: Path) -> ET.Element:
    try:
        robot = ET.parse(path).getroot()
    except OSError as error:
        raise BadInputError(f'URDF {path}: {error.strerror}') from error
    except ET.ParseError as error:
        raise BadInputError(f'URDF {path}: not valid XML: {error}') from error
    if robot.tag != 'robot':
        raise BadInputError(f'URDF {path}: got a <{robot.tag}>, expected a <robot>')
    if robot.find('group_state') is not None:
        raise BadInputError(f'URDF {path}: got a <group_state>, expected q_home in the robot file')
    for mesh in robot.iter('mesh'):
        mesh.set('filename', str(resolve_mesh(mesh.get('filename', ''), path.parent.resolve())))
    return robot


def _check_tree(robot: ET.Element) -> None:
    links = [link.get('name') for link in robot.findall('link')]
    twice = sorted({name for name in links if links.count(name) > 1})
    if twice:
        raise BadInputError(f'robot description: links {twice} occur twice, expected once')
    roots = set(links)
    for joint in robot.findall('joint'):
        for end in ('parent', 'child'):
            link = joint.find(end).get('link')
            if link not in links:
                raise BadInputError(
                    f'joint {joint.get("name")!r}: {end} link {link!r} is in neither URDF'
                )
        roots.discard(joint.find('child').get('link'))
    if len(roots) != 1:
        raise BadInputError(f'robot description: got roots {sorted(roots)}, expected one')
