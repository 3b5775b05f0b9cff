import numba.core.caching

from sakiyomi.compiled import compiled


def test_without_a_folder_to_write_to_functions_work_and_it_is_said(monkeypatch, caplog):
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, '_locator_classes', [])

    @compiled
    def twice(x):
        return 2.0 * x

    assert twice(1.5) == 3.0
    assert 'twice is compiled anew at every start' in caplog.text
