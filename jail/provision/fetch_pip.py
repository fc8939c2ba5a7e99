"""Fetches the pip wheel of a lock file, for interpreters that have neither pip nor ensurepip.

Run as `python3 -I -c <this text> <folder>`, with the lock file on standard input; prints the wheel's path. What
arrives is trusted for its SHA-256 alone, never for where it came from.
"""

import hashlib
import html
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

# What pip itself asks when nobody says otherwise.
DEFAULT_INDEX = "https://pypi.org/simple"
PAGE_TYPES = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


def locked(text):
    """The wheel's file name and the hashes that it may have."""
    version = re.search(r"^pip==(\S+)", text, re.MULTILINE).group(1)
    return "pip-%s-py3-none-any.whl" % version, set(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))


def fetch(url, accept):
    """The body and the final address of a page."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(url, headers={"Accept": accept})
    secret = bool(parts.username)
    if secret:
        import base64

        plain = "%s:%s" % (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        request = urllib.request.Request(address, headers={"Accept": accept})
        request.add_header("Authorization", "Basic " + base64.b64encode(plain.encode()).decode())
    context = ssl.create_default_context()
    if os.environ.get("PIP_CERT"):
        context.load_verify_locations(os.environ["PIP_CERT"])
    try:
        answer = urllib.request.urlopen(request, timeout=60, context=context)
    except urllib.error.URLError as error:
        # A system without ca-certificates can verify nobody. The hash is what counts here; a password is not risked.
        if secret or not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
        answer = urllib.request.urlopen(request, timeout=60, context=ssl._create_unverified_context())
    with answer:
        return answer.read(), answer.headers.get_content_type(), answer.url


def links(body, content_type, page):
    """The addresses that an index page lists."""
    text = body.decode("utf-8", "replace")
    if content_type.endswith("json"):
        found = [file["url"] for file in json.loads(text)["files"]]
    else:
        found = [html.unescape(link) for link in re.findall(r"href=[\"']([^\"']+)", text)]
    return [urllib.parse.urljoin(page, link) for link in found]


def wheel(name):
    """The bytes of the wheel: from the folders of PIP_FIND_LINKS, else from the index."""
    for place in os.environ.get("PIP_FIND_LINKS", "").split():
        path = os.path.join(place, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return file.read()
    index = os.environ.get("PIP_INDEX_URL") or DEFAULT_INDEX
    for link in links(*fetch(index.rstrip("/") + "/pip/", PAGE_TYPES)):
        if urllib.parse.urlsplit(link).path.rpartition("/")[2] == name:
            return fetch(link, "*/*")[0]
    sys.exit("the package index has no " + name)


def main():
    name, hashes = locked(sys.stdin.read())
    try:
        content = wheel(name)
    except (urllib.error.URLError, OSError) as error:
        sys.exit("Could not fetch URL for %s: %s" % (name, error))
    digest = hashlib.sha256(content).hexdigest()
    if digest not in hashes:
        sys.exit("%s: THESE PACKAGES DO NOT MATCH THE HASHES of the lock file; got %s" % (name, digest))
    path = os.path.join(sys.argv[1], name)
    with open(path, "wb") as file:
        file.write(content)
    print(path)


main()
