"""Uploads a file by tuspy as the JSON in the first argument says.

Prints the URL, the offset at which it began, and the offset that it reached.
"""

import asyncio
import json
import sys

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage

wish = json.loads(sys.argv[1])
client = TusClient(wish["endpoint"])
stop_at = wish.get("stop_at")
options = wish.get("options", {})
if "url_storage" in wish:
    options["url_storage"] = FileStorage(wish["url_storage"])
    options["store_url"] = True

try:
    if wish.get("asynchronous"):
        uploader = client.async_uploader(wish["file"], **options)
        started_at = uploader.offset
        asyncio.run(uploader.upload(stop_at))
    else:
        uploader = client.uploader(wish["file"], **options)
        started_at = uploader.offset
        uploader.upload(stop_at)
    print(uploader.url, started_at, uploader.offset)
except (TusCommunicationError, TusUploadFailed) as error:
    text = (error.response_content or b"").decode()
    sys.exit(f"{error.status_code} {text}")
