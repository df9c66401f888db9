"""Writes what is installed beside this interpreter as a CycloneDX document, from the packages' own metadata alone."""

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

PROJECT = "shingan"


def main() -> None:
    """The one argument is the file to write."""
    found = {item.name: item for item in distributions()}
    bom = Bom()
    components = {name: _component(item) for name, item in sorted(found.items())}
    own = components.pop(PROJECT, None)
    if own is not None:
        own.type = ComponentType.APPLICATION
        bom.metadata.component = own
        bom.register_dependency(own, components.values())
    bom.components.update(components.values())
    Path(sys.argv[1]).write_text(JsonV1Dot6(bom).output_as_string(indent=1) + "\n")
    print(f"{len(components)} components")


def _component(item: Distribution) -> Component:
    said = item.metadata.get("License-Expression") or (item.metadata.get("License") or "").partition("\n")[0]
    licences = [LicenseFactory().make_from_string(said)] if said else []
    purl = PackageURL("pypi", name=item.name.lower().replace("_", "-"), version=item.version)
    return Component(
        name=item.name,
        version=item.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=licences,
    )


if __name__ == "__main__":
    main()
