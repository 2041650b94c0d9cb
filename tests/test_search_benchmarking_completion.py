from search.benchmarking_completion import measure_completion


def test_type_ahead_is_measured_beside_a_scan():
    found = measure_completion(60, 3, lambda rounds, label: rounds)
    assert set(found) == {"phrasings", "build_s", "kinds", "p50_ms", "p95_ms", "peer", "ratio"}
    assert set(found["kinds"]) == {"characters", "initials", "pinyin", "mixed"}
    assert set(found["peer"]) == {"name", "p50_ms", "p95_ms"}
