"""Signing in through an identity provider by OpenID Connect: authorization code flow with PKCE and nonce. Needs the extra ``oidc``.

The administrator names the provider in a file (:mod:`~usnet.web.oidc.config`); nothing that a browser sends says whom to ask. A
person is known by issuer and subject, never by a name or an e-mail address, which a provider may give to another.
"""

from __future__ import annotations
