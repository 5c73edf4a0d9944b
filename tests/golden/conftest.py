"""``pytest tests/golden --refresh`` writes the expected files anew."""


def pytest_addoption(parser):
    parser.addoption("--refresh", action="store_true", help="write the golden files anew, then compare")
