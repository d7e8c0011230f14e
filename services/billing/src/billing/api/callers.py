"""Who may call what."""

from typing import Annotated

from fastapi import Depends

from shared.auth import Caller, Scope, require

Reader = Annotated[Caller, Depends(require(Scope.ACCOUNT_READ))]
Writer = Annotated[Caller, Depends(require(Scope.ACCOUNT_WRITE))]
