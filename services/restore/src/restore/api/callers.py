"""Who may call what, and what their calls need."""

from types import MappingProxyType
from typing import Annotated

from fastapi import Depends

from restore.adapters import RestoreRuntime
from shared.auth import Caller, Scope, require
from shared.http import RuntimeOf

NO_STORE = MappingProxyType({"Cache-Control": "no-store"})

Reader = Annotated[Caller, Depends(require(Scope.RESTORES_READ))]
Writer = Annotated[Caller, Depends(require(Scope.RESTORES_WRITE))]
Payer = Annotated[Caller, Depends(require(Scope.RESTORES_WRITE, Scope.ACCOUNT_WRITE))]
"""Who may spend the owner's money: a sign-in, because no API token has that scope."""


def _restore_runtime(runtime: RuntimeOf) -> RestoreRuntime:
    found: RestoreRuntime = runtime
    return found


RestoreRuntimeOf = Annotated[RestoreRuntime, Depends(_restore_runtime)]
