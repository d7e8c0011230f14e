"""Who may call, as parameter types of the endpoints."""

from typing import Annotated

from fastapi import Depends

from shared.auth import Caller, Scope, require

Reader = Annotated[Caller, Depends(require(Scope.BACKUPS_READ))]
Writer = Annotated[Caller, Depends(require(Scope.BACKUPS_WRITE))]
Deleter = Annotated[Caller, Depends(require(Scope.BACKUPS_DELETE))]
Unlocker = Annotated[Caller, Depends(require(Scope.BACKUPS_UNLOCK))]
