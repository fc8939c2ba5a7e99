"""Stands where the runner will be."""


def main() -> None:
    print("runner")
