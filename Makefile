# Every command a person types. `make` alone prints them. Longer things are scripts with names.
PYTHON_BIN := .venv/bin/python
LOCAL := $(PYTHON_BIN) -m space_local
SERVICE ?=
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.space/tools:$(PATH)
# Tests and tools start hundreds of Pythons, each of which would compile our modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help bootstrap bootstrap-tests demo run stop status invite dead-letters prices credit stuck redrive orphans migrate check lint types test test-unit simulate chaos fuzz bench screenshots docs fmt lock clean destroy

help:
	@awk -f deploy/local/help.awk $(MAKEFILE_LIST)

bootstrap:
	@deploy/local/bootstrap
bootstrap-tests:
	@deploy/local/bootstrap tests

##@ Run
demo: bootstrap ## the whole story on this machine: back up, restore, compare, a month and its invoice (FOLDER=… for yours)
	@$(PYTHON_BIN) -m space_local.demo $(FOLDER)
run: bootstrap ## start everything at http://127.0.0.1:8480 and stay (SPACE_ORIGIN_PORT, SPACE_STORE_PORT, SPACE_HOST, SPACE_ORIGIN)
	@$(LOCAL) run
stop: ## end what `make run` started
	@$(LOCAL) stop
status: ## whether it runs, and where
	@$(LOCAL) status
invite: ## an invitation to register, where registration is not open (DID=… NAME=alice@olares.com: for LarePass of that DID)
	@$(LOCAL) invite $(if $(DID),--did "$(DID)" --name "$(NAME)")
dead-letters: ## messages set aside for a person (REDRIVE=1 gives them back)
	@$(LOCAL) dead-letters $(if $(REDRIVE),--redrive)
prices: ## load a price book into the running system (FILE=prices.yaml); its problems are told with file and line
	@$(LOCAL) prices "$(FILE)"
credit: ## give an owner promotional balance (OWNER=their id AMOUNT="5.00 USD" REASON="…")
	@$(LOCAL) credit "$(OWNER)" "$(AMOUNT)" "$(REASON)"
stuck: ## instances and restores that wait for an operator, because nobody else can tell what became of them
	@$(LOCAL) stuck
redrive: ## let one go on (INSTANCE=its id VERDICT=look_again, or no_machine once you have looked; or RESTORE=its id)
	@$(LOCAL) $(if $(RESTORE),redrive-restore "$(RESTORE)",redrive "$(INSTANCE)" "$(VERDICT)")
orphans: ## machines of ours without an instance (KEEP=provider/reference keeps one, RETURN=… returns it now)
	@$(LOCAL) orphans $(if $(KEEP),--keep "$(KEEP)") $(if $(RETURN),--return "$(RETURN)")

##@ Check
check: lint types test ## everything CI runs, in its order
lint: bootstrap ## ruff and the import contracts
	@.ci/lint
types: bootstrap ## mypy, strict
	@$(PYTHON_BIN) -m mypy shared/src services/identity/src services/catalog/src services/billing/src services/provisioning/src services/restore/src services/agent/src deploy/local/src deploy/images deploy/provisioner-example docs tests
test: bootstrap-tests ## all tests, against real servers of their own (SERVICE=catalog for one)
	@$(PYTHON_BIN) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --maxfail 20 $(if $(SERVICE),tests/$(SERVICE))
test-unit: bootstrap ## the tests that need no server
	@$(PYTHON_BIN) -m pytest -m "not servers"
simulate: bootstrap ## many generated lives of provisioning in a simulated world (LIVES=2000; SIMULATE_SEED=… tells one again)
	@SIMULATIONS=$(or $(LIVES),2000) $(PYTHON_BIN) -m pytest tests/provisioning/test_simulation.py
chaos: bootstrap ## kill real processes of provisioning (KILLS=100) or under restores to the cloud (RESTORES=200); CHAOS_SEED=… tells a story again
	@$(if $(RESTORES),CHAOS_RESTORES=$(RESTORES) $(PYTHON_BIN) -m pytest -s tests/system/test_cloud_kills.py,CHAOS=1 CHAOS_KILLS=$(or $(KILLS),100) $(PYTHON_BIN) -m pytest -s tests/system/test_provisioning_kills.py tests/deploy/test_provisioner_example.py)
fuzz: bootstrap ## very many odd bodies at the paths of Olares devices (BODIES=5000)
	@FUZZ_BODIES=$(or $(BODIES),5000) $(PYTHON_BIN) -m pytest tests/system/test_olares_fuzz.py
bench: bootstrap ## measure against the limits of this machine (ONLY="lists gate" for some, KEEP=1 renews docs/benchmarks.md)
	@$(PYTHON_BIN) -m tests.bench $(ONLY) $(if $(KEEP),--keep)

##@ Change
fmt: bootstrap ## format and sort imports
	@$(PYTHON_BIN) -m ruff format . && $(PYTHON_BIN) -m ruff check --fix --quiet .
migrate: bootstrap ## write a revision from the models (SERVICE=catalog MESSAGE="pre add a column")
	@$(LOCAL) migrate "$(SERVICE)" "$(MESSAGE)"
screenshots: bootstrap-tests ## a picture of each page of the console, light and dark, desktop and phone, in .space/screenshots
	@SCREENSHOTS=.space/screenshots $(PYTHON_BIN) -m pytest --quiet tests/console/test_pages.py
docs: bootstrap ## regenerate docs/events.md, docs/errors.md, docs/openapi and the state diagrams
	@$(PYTHON_BIN) docs/generate.py
lock: bootstrap ## pin every dependency again
	@$(PYTHON_BIN) -m uv lock --upgrade && $(PYTHON_BIN) -m uv export --quiet --all-packages --no-emit-workspace --format requirements-txt -o requirements.lock
clean: ## delete the environment, tools, the built console and the demo's files; backups and databases stay
	@[ ! -x $(PYTHON_BIN) ] || $(LOCAL) clean
	@rm -rf .venv .space/tools services/console/node_modules services/console/dist services/console/src/api/generated
destroy: bootstrap ## delete every backup, database and key of this folder (asks first; YES=1 does not)
	@$(LOCAL) destroy $(if $(YES),--yes)
