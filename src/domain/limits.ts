/**
 * Every limit, in one place. Each is answered with a 4xx that names it, and documented in docs/limits.md.
 */

/** Bytes of a trigger's body. A Worker holds it in memory (128 MB), as bytes, as text and parsed. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;
/** Bytes of a bundle: all flows of a project in one document. */
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024;
/** Bytes of a small JSON body of the management API, such as a flow's new status. */
export const MAX_SETTING_BYTES = 64 * 1024;
/** Aliases that a YAML document may use: they multiply, so a small text could make a huge value. */
export const MAX_YAML_ALIASES = 100;
/** Bytes of a webhook's delivery: what GitHub sends at the most. It is kept whole, whatever its flow can take. */
export const MAX_WEBHOOK_BYTES = 25 * 1024 * 1024;
/** Bytes of a delivery that starts a run: as of any other trigger. A larger one is kept, and marked as `failed`. */
export const MAX_WEBHOOK_RUN_BYTES = MAX_BODY_BYTES;
/** Bytes of a JSON body in which a delivery's id or a challenge is looked for; those who put an id there send little. */
export const MAX_WEBHOOK_ID_BYTES = 4 * 1024 * 1024;
/** Bytes that one object's part of a webhook's deliveries may take before new ones are refused with 503: objects end at 10 GB. */
export const MAX_INBOX_BYTES = 8 * 1024 * 1024 * 1024;
/** Characters of a challenge that is echoed. */
export const MAX_CHALLENGE_CHARS = 1_000;
/** Secrets of one webhook: the present one, the last one, and one to come. */
export const MAX_WEBHOOK_SECRETS = 3;
/** Milliseconds by which a delivery's signature may be old, or ahead, unless its webhook says otherwise: as the senders' own libraries. */
export const DEFAULT_TOLERANCE_MS = 300_000;
/** Milliseconds that a webhook may set as its tolerance: a day. What is older could be anyone's recording. */
export const MAX_TOLERANCE_MS = 86_400_000;
/** Milliseconds that deliveries are kept unless their webhook says otherwise: 7 days. */
export const DEFAULT_WEBHOOK_RETENTION_MS = 7 * 86_400_000;
/** Milliseconds that a webhook may keep its deliveries: 90 days. */
export const MAX_WEBHOOK_RETENTION_MS = 90 * 86_400_000;
/** Groups of one user, roles of one group, privileges of one role: all of them are read when a key is used for the first time. */
export const MAX_USER_GROUPS = 50;
export const MAX_GROUP_ROLES = 20;
export const MAX_ROLE_PRIVILEGES = 200;
/** Keys of one user that count, those that have expired included; revoke what is not used. */
export const MAX_USER_KEYS = 100;
/** Bytes of a secret's value: keys, certificates and tokens are shorter. */
export const MAX_SECRET_BYTES = 32 * 1024;
/** Secrets of one environment: their names are read together when a bundle is applied. */
export const MAX_SECRETS = 1_000;
/** Parts of a multipart body. */
export const MAX_PARTS = 1_000;
/** Entries of a page of a list. */
export const MAX_PAGE = 200;
/** Bytes of one flow's definition as JSON. It travels to D1 inside other JSON, which may double it, and values end at 2 MB. */
export const MAX_FLOW_BYTES = 512 * 1024;
/** Flows of one project. */
export const MAX_FLOWS = 5_000;
/** Environments of one organization: all of them are listed in one answer. */
export const MAX_ENVIRONMENTS = 100;
/** Bytes of one file of a website, hosted page or file manager: it passes through memory whole. */
export const MAX_FILE_BYTES = 25 * 1024 * 1024;
/** Characters of a file's path in its website. */
export const MAX_FILE_PATH_CHARS = 500;
/** Files of one project: a listing of them is one answer. */
export const MAX_PROJECT_FILES = 10_000;
/** Parameters of one event: a workflow is found by comparing each. */
export const MAX_EVENT_PARAMS = 20;
/** Objects of one event: each has a shape that is checked at every call. */
export const MAX_EVENT_OBJECTS = 100;
/**
 * Times that a piece of a change of an environment is tried, with waits of 1 s, 2 s, 4 s … in between, nine minutes in all:
 * a fault that lasts longer is nothing that waiting mends, and the environment is in error.
 */
export const MAX_CHANGE_ATTEMPTS = 10;
/** Constants of one project. */
export const MAX_CONSTANTS = 500;
/** Bytes of all constants of one project, as JSON: they travel with every version of the flows that read them. */
export const MAX_CONSTANTS_BYTES = 262_144;
/** Resources of one kind (tables, integrations …) in one project. */
export const MAX_RESOURCES = 200;
/** Nodes of one flow, those inside its loops included. */
export const MAX_NODES = 500;
/** Loops inside loops. */
export const MAX_LOOP_DEPTH = 5;
/** Flows that call flows, counted from the one that was triggered; also bounds a flow that calls itself. */
export const MAX_FLOW_DEPTH = 16;
/** Problems listed of one flow, and of a whole bundle: enough for a day's repairs, little enough to answer with. */
export const MAX_FLOW_PROBLEMS = 200;
export const MAX_BUNDLE_PROBLEMS = 1_000;
/** Items that one node may emit in one run; `split` and `merge` could otherwise multiply without end. */
export const MAX_ITEMS = 100_000;
/** Records of one request when an endpoint takes them one by one. */
export const MAX_RECORDS = 10_000;
/** Records that run at the same time when throughput goes before ordering. */
export const MAX_CONCURRENT_RECORDS = 16;
/** Steps that all expressions and nodes of one run may take together, some seconds of processor time at the most. */
export const MAX_RUN_FUEL = 20_000_000;
/**
 * Steps that a node's execution counts for, and each item it takes: about what an expression does in the same time.
 * Without them nested loops of nodes that compute nothing would have no end, since the clock stands still meanwhile.
 */
export const NODE_FUEL = 20;
export const ITEM_FUEL = 2;
/** Milliseconds a synchronous endpoint waits when neither it nor the URL says otherwise (seed: 60 seconds). */
export const DEFAULT_SYNC_TIMEOUT_MS = 60_000;
/** Milliseconds a caller or an endpoint may ask for at the most: a client's connection rarely lives longer. */
export const MAX_TIMEOUT_MS = 300_000;
/** Messages kept of one run; the last one then says how many were dropped. */
export const MAX_RUN_MESSAGES = 200;
/** Characters kept of a message's text. */
export const MAX_MESSAGE_CHARS = 1_000;
/** Characters kept of a message's details (a logged body, a debugged value). */
export const MAX_MESSAGE_DETAIL_CHARS = 8_000;
/** Characters kept of a logged request's or response's body: with the headers around it they fit into the details. */
export const MAX_LOGGED_BODY_CHARS = 4_000;
/** Calls that an interface, or an API key alone, may make in a window unless the interface says otherwise (contract, section 3). */
export const DEFAULT_RATE_LIMIT = 1_000;
/** Milliseconds of a rate limit's window unless the interface says otherwise: a minute. */
export const DEFAULT_RATE_WINDOW_MS = 60_000;
/** Calls in a window that an interface may be given: what one limiter object counts in a window of an hour. */
export const MAX_RATE_LIMIT = 1_000_000;
/** Milliseconds of the longest window of a rate limit: an hour. */
export const MAX_RATE_WINDOW_MS = 3_600_000;
/** Calls that an event token may make in a window of EVENT_RATE_WINDOW_MS (seed: 2 requests per second). */
export const EVENT_RATE_LIMIT = 2;
/** Milliseconds of the window of an event token: a second. */
export const EVENT_RATE_WINDOW_MS = 1_000;
/** Addresses and ranges of an interface's list: each is compared with every call. */
export const MAX_IP_RANGES = 200;
/** Fields that `?fields=` may name. */
export const MAX_SELECTED_FIELDS = 100;
/** Characters of an API key, token or client secret that is looked at: ours have 64. */
export const MAX_CREDENTIAL_CHARS = 512;
/** Seconds for which an access token is valid: a day. */
export const ACCESS_TOKEN_SECONDS = 86_400;
/** Characters of a URL that the action API and the v1 API read. */
export const MAX_URL_CHARS = 16_000;
/** Outgoing calls of one run that are under way at the same time: an invocation may have six connections open. */
export const MAX_CONCURRENT_CALLS = 6;
/** Milliseconds that one try of an outgoing call takes at the most, unless its node, endpoint or integration says otherwise. */
export const DEFAULT_CALL_TIMEOUT_MS = 30_000;
/** Milliseconds that an outgoing call may be given: no caller waits longer either. */
export const MAX_CALL_TIMEOUT_MS = MAX_TIMEOUT_MS;
/** Milliseconds of a run's time that outgoing calls leave to it, so that it still answers; of a short time a tenth. */
export const CALL_MARGIN_MS = 250;
/** Bytes of an outgoing call's response, all its pages together. It is held in memory as bytes, as text and parsed. */
export const MAX_CALL_RESPONSE_BYTES = 10 * 1024 * 1024;
/** Bytes of an outgoing call's body. */
export const MAX_CALL_BODY_BYTES = 10 * 1024 * 1024;
/** Characters of an outgoing call's URL: few servers read more. */
export const MAX_CALL_URL_CHARS = 16_000;
/** Redirects that one call follows: as browsers agree, more is a circle. */
export const MAX_REDIRECTS = 5;
/** Milliseconds that `Retry-After` may ask for; a call that is told to wait longer leaves at once. */
export const MAX_RETRY_WAIT_MS = 60_000;
/** Pages that one call fetches and joins. */
export const MAX_PAGES = 100;
/** Calls of one integration that its pool may let in at the same time. */
export const MAX_CONNECTIONS = 1_000;
/** Endpoints of one integration: as many as the largest published API descriptions have. */
export const MAX_INTEGRATION_ENDPOINTS = 2_000;
/** Bytes of one integration as JSON: it is one row, and those end at 2 MB. GitHub's whole API takes 0.9. */
export const MAX_INTEGRATION_BYTES = 1_500_000;
/** Parameters that one endpoint of an integration lists. */
export const MAX_CALL_PARAMETERS = 200;
/** Milliseconds for which the `delay` node may hold a run in memory. */
export const MAX_LIGHT_DELAY_MS = MAX_TIMEOUT_MS;
/** Milliseconds for which the `delay` node may hold a durable run, which takes no memory meanwhile: 31 days. */
export const MAX_DELAY_MS = 31 * 86_400_000;
/** Turns of one `repeat` for one item: with a minute between them most of a day. A durable run reads them all again when it wakes. */
export const MAX_TURNS = 1_000;
/** Schedules of one flow. */
export const MAX_SCHEDULES = 20;
/** Milliseconds by which a schedule's tick may be late before it counts as missed: a restart of the deployment takes less. */
export const TICK_LATE_MS = 60_000;
/** Milliseconds after which a durable run that has not ended is stopped as `Timeout`: 90 days. Nothing lives for ever. */
export const MAX_DURABLE_RUN_MS = 90 * 86_400_000;
/** Milliseconds that an asynchronous call waits for its run to be accepted, unless it or its endpoint says otherwise (seed: 500). */
export const DEFAULT_ACCEPT_TIMEOUT_MS = 500;
/** Seconds that `Prefer: wait` may ask for; what is over it is cut, and `Preference-Applied` says so. */
export const MAX_PREFER_WAIT_S = 60;
/** Characters of an `Idempotency-Key`. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 255;
/** Bytes, as JSON, of one value that a durable run stores: its input, what one step emits, its outcome. A shard has 128 MB of memory. */
export const MAX_STORED_VALUE_BYTES = 16 * 1024 * 1024;
/** Times that a durable run fails for a reason inside Sluice without getting any further, before it ends as `Fail`; with the waits between them, some nine minutes. */
export const MAX_WAKE_ATTEMPTS = 10;
/** Times that a durable run is taken up and the process ends before it got any further, before it ends as `Fail`: many, since what ends processes is rarely the run. */
export const MAX_LOST_ATTEMPTS = 50;
/** Bytes of one data record as JSON. It is one value of a database row, and travels there with others. */
export const MAX_RECORD_BYTES = 512 * 1024;
/** Characters of a data record's identifier. */
export const MAX_UUID_CHARS = 200;
/** Records that one call may change by their identifiers: queue actions, moves, updates. */
export const MAX_NAMED_RECORDS = 1_000;
/** Records of one page of a search. */
export const MAX_RECORD_PAGE = 1_000;
/** Records that a search may skip: they are read all the same. Further pages are had by their cursor, at any depth. */
export const MAX_RECORD_OFFSET = 10_000;
/** Matches that are counted where no counter is kept (mapped fields, dates): beyond it, `total` says how many there are at least. */
export const MAX_COUNTED_RECORDS = 10_000;
/** Characters of a mapped field's value that are compared. */
export const MAX_MAPPED_VALUE_CHARS = 500;
/** Elements of a list that a mapped field leads to, by which a record is found. */
export const MAX_MAPPED_VALUES = 100;
/** Steps of a record's run that are kept with it when the run is forgotten. */
export const MAX_RECORD_STEPS = 500;
/** Milliseconds that a record may be scheduled ahead: a hundred years. */
export const MAX_SCHEDULE_AHEAD_MS = 100 * 366 * 86_400_000;
/** Bytes of a data schema, and of its example record, as JSON: each is one value of a database row. */
export const MAX_SCHEMA_BYTES = 512 * 1024;
/** Schemas inside a data schema, its own definitions included. */
export const MAX_SUBSCHEMAS = 10_000;
/** Steps that checking the records of one request against the data schema may take, a second or so: references multiply them. */
export const MAX_SCHEMA_STEPS = 10_000_000;
/** Schemas that may be under way inside each other while a record is checked: each takes stack. */
export const MAX_SCHEMA_DEPTH = 1_000;
/** Problems listed of records that do not satisfy the data schema: enough to repair them, little enough to answer with. */
export const MAX_SCHEMA_PROBLEMS = 50;
/** Levels of nesting in a JSON document: far beyond real data, far below what would exhaust the stack. */
export const MAX_JSON_DEPTH = 200;
/** Levels of nesting in a declared shape: people write and read them. */
export const MAX_SHAPE_DEPTH = 20;
/** Fields of one declared shape, nested ones included: each costs work on every call. */
export const MAX_SHAPE_FIELDS = 500;
/** Problems listed of one value: enough to repair it, little enough to answer with. */
export const MAX_SHAPE_PROBLEMS = 20;
/** Elements inside elements of an XML document: real documents end at a dozen, attacks begin in the thousands. */
export const MAX_XML_DEPTH = 100;
/** Attributes of one XML element: each is compared with the others. */
export const MAX_XML_ATTRIBUTES = 1_000;
/** Elements of one XML document: the parser needs some hundred bytes of memory for each. */
export const MAX_XML_ELEMENTS = 100_000;
/** Comments, CDATA sections and processing instructions of one XML document: each is a piece that is cut out or joined. */
export const MAX_XML_SECTIONS = 100_000;
/** Characters of the name of an XML element or attribute: real names end at a hundred, and each is kept, compared and told. */
export const MAX_XML_NAME = 1_000;
/** Rows of one CSV text, without its header: as many as the items that a node may emit. */
export const MAX_CSV_ROWS = MAX_ITEMS;
/** Columns of one CSV text: D1 holds 100, spreadsheets in practice some hundred. */
export const MAX_CSV_COLUMNS = 1_000;
/** Fields of one form: every name is hashed, and no person fills in more. */
export const MAX_FORM_FIELDS = 1_000;
/** Columns that a table declares: D1 holds 100, and `id`, `date_created`, `date_updated` are among them. */
export const MAX_TABLE_COLUMNS = 90;
/** Indexes that a table declares beside those of single columns: each is written with every row. */
export const MAX_TABLE_INDEXES = 20;
/** Rows that a declared table begins with: they travel in the bundle. */
export const MAX_TABLE_SEED_ROWS = 1_000;
/** Bytes of one value of a table: a row of D1 ends at 2 MB, all its values together. */
export const MAX_TABLE_VALUE_BYTES = 1_500_000;
/** Bytes of one row of a table, all its values together: a row of D1 ends at 2 MB. */
export const MAX_TABLE_ROW_BYTES = 1_900_000;
/** Rows that one search returns (seed: 100). A larger `limit` counts as this one. */
export const MAX_TABLE_LIMIT = 100;
/** Rows that a search may skip: the database walks over each of them. A cursor goes on from anywhere at no cost. */
export const MAX_TABLE_OFFSET = 100_000;
/** Matches of a search that are counted: beyond them `max_results` is this number, and `max_results_exact` is false. */
export const MAX_TABLE_COUNT = MAX_TABLE_OFFSET;
/** Rows that one request inserts or upserts, and rows of one CSV answer. */
export const MAX_TABLE_ROWS = 5_000;
/** Rows that a node of a flow reads, changes or deletes with one item. */
export const MAX_NODE_ROWS = 10_000;
/** Rules of one search, nested ones included. A statement of D1 ends at 100 kB. */
export const MAX_TABLE_RULES = 200;
/** Groups of rules inside groups. */
export const MAX_TABLE_RULE_DEPTH = 20;
/** Bytes, as JSON, of all values of one search's rules: they travel to D1 as parameters, which end at 2 MB. */
export const MAX_TABLE_RULE_BYTES = 1_000_000;
/** Characters of a value by which rows are ordered, where a cursor has to carry it; of a larger one it carries the beginning. */
export const MAX_CURSOR_VALUE_CHARS = 2_000;
/** Aggregates, and columns to group by, of one query. */
export const MAX_TABLE_AGGREGATES = 20;
/** Characters of an exclusion group's name, after trimming: it is the name of an object, and people read it in a 409. */
export const MAX_GROUP_CHARS = 200;
/** Runs that may wait for one exclusion group: each is a row that its object holds in memory too. */
export const MAX_GROUP_QUEUE = 10_000;
/** Characters of a keystore's key. In UTF-8 it may pass the 512 bytes that KV's own keys end at: a long one is stored under its hash. */
export const MAX_KEYSTORE_KEY_CHARS = 1_000;
/** Bytes of one value of a keystore: a few fit into a request to its owner, and into an object's 128 MB of memory. */
export const MAX_KEYSTORE_VALUE_BYTES = 5 * 1024 * 1024;
/** Bytes of the values that go to a keystore's owner in one call, or come from it: the platform's calls end at 32 MB. */
export const MAX_KEYSTORE_BATCH_BYTES = 16 * 1024 * 1024;
/** Milliseconds after which an entry of a keystore may expire at the most: ten years. */
export const MAX_KEYSTORE_EXPIRY_MS = 3_650 * 86_400_000;
/** Entries that one search in a keystore may find, unless its `limit` says less. More are refused, never left out in silence. */
export const MAX_KEYSTORE_FOUND = 10_000;
/** Fields that a search in a keystore selects, and rules that it has, groups included. */
export const MAX_KEYSTORE_SELECT = 100;
export const MAX_KEYSTORE_RULES = 100;
/** Places of values, such as `temp.max`, that a keystore has an index of: each costs a row with every write. */
export const MAX_KEYSTORE_INDEXED_PLACES = 8;
/** Groups of rules inside groups. */
export const MAX_KEYSTORE_RULE_DEPTH = 10;
/** Characters of a field, an alias or a value in a search: each is compared with every entry. */
export const MAX_KEYSTORE_TERM_CHARS = 1_000;
/** Bytes of an answer that callers who attached may share: it is held in memory and copied to each of them. */
export const MAX_SHARED_ANSWER_BYTES = 256 * 1024;
