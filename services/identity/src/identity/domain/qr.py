"""What a code on the console's sign-in page says to LarePass.

As the Settings page of Olares writes it for its own code. LarePass tells its owner that they sign in to Olares Space,
and not where; it signs ``sign_body`` as it stands, with ``exp``, ``iss`` and ``nbf`` beside it, and posts that to
``callback_url``.
"""

import base64
import json
from datetime import datetime

SCHEME = "space://"


def qr_content(origin: str, secret: str, shown_at: datetime) -> str:
    """The text of the code.

    Args:
        origin: Ours, without a trailing slash.
        secret: 32 hexadecimal digits, by which the login that is posted is known to be for this code.
    """
    time = int(shown_at.timestamp() * 1000)
    message = {
        "topic": "sign",
        "event": "login_cloud",
        "message": {
            "id": "1",
            # Whoever scans is not known yet. In ``sign_body`` an empty DID would be signed, so there it is left out.
            "data": {"did": "", "secret": secret, "time": time},
            "sign": {"callback_url": f"{origin}/v2/user/login", "sign_body": {"secret": secret, "time": time}},
        },
    }
    encoded = base64.urlsafe_b64encode(json.dumps(message, separators=(",", ":")).encode())
    return SCHEME + encoded.rstrip(b"=").decode()
