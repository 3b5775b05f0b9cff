"""The graph that runs is the graph that the docs describe."""

from sakiyomi.topics import TOPICS


def test_the_nodes_publish_every_topic_of_the_table_with_its_type(start, observer):
    start('simulation_node.node', '-p', 'count:=0', '-p', 'scene:=empty')
    for node in ('world_model', 'planner'):
        start(f'{node}_node.node', '-p', 'use_sim_time:=true')
    expected = {
        topic.name if topic.name.startswith('/') else f'/{topic.name}': topic.kind
        for topic in TOPICS
    }

    def graph():
        return dict(observer.node.get_topic_names_and_types())

    observer.wait_for(lambda: expected.keys() <= graph().keys(), 'every topic')
    found = graph()
    for name, kind in expected.items():
        package, _, short = kind.partition('/')
        assert found[name] == [f'{package}/msg/{short}'], name
    ours = {n for n in found if n.split('/')[1] in ('simulation', 'world_model', 'planner')}
    unlisted = {n for n in ours if not n.endswith('transition_event') and '_action' not in n}
    assert unlisted <= expected.keys()
