<?php
// What a PHP program does with the SOAP endpoint. Reads {"wsdl", "location", "apiKey", "app", "version"} and writes what
// it got, both as JSON.
$asked = json_decode(stream_get_contents(STDIN), true);
ini_set('soap.wsdl_cache_enabled', '0');
$options = [
    'cache_wsdl' => WSDL_CACHE_NONE,
    'trace' => true,
    'exceptions' => true,
    'soap_version' => $asked['version'] === '1.2' ? SOAP_1_2 : SOAP_1_1,
];
$authentication = ['Apikey' => $asked['apiKey'], 'Appkey' => $asked['app'], 'Version' => '1'];
$got = ['faults' => []];
$fault = function (string $name, callable $act) use (&$got) {
    try {
        $got['faults'][$name] = ['answer' => $act()];
    } catch (SoapFault $error) {
        $items = $error->detail->item ?? [];
        $got['faults'][$name] = [
            'code' => $error->faultcode,
            'message' => $error->getMessage(),
            'actor' => $error->faultactor ?? null,
            'detail' => is_array($items) ? array_map(fn($item) => [$item->key, $item->value], $items) : $items,
        ];
    }
};

$client = new SoapClient($asked['wsdl'], $options);
$got['functions'] = $client->__getFunctions();
$got['types'] = $client->__getTypes();

$schema = ['$schema' => 'http://json-schema.org/draft-04/schema#', 'type' => 'object', 'required' => ['amount']];
$encode = fn($value) => base64_encode(json_encode($value));
$schemaObject = ['Schema' => $encode($schema), 'DataRecord' => $encode(['amount' => 1])];
$uuid = 'php-' . $asked['version'];
$of = fn(array $more = []) => ['AuthenticationObject' => $authentication] + $more;

$got['insertSchema'] = $client->insertSchema($of(['SchemaObject' => $schemaObject]));
$got['getSchema'] = $client->getSchema($of());
$got['updateSchema'] = $client->updateSchema($of(['SchemaObject' => $schemaObject]));
$data = ['amount' => 7, 'note' => "größer <als> & so"];
$got['insertRecord'] = $client->insertRecord($of([
    'DataRecordObject' => [
        'Uuid' => $uuid, 'ExecutionTime' => '2105-08-15T15:52:01+00:00', 'Data' => $encode($data),
    ],
    'FlowDiagramObject' => ['Flow' => 'work'],
]));
$got['getRecord'] = $client->getRecord($of(['DataRecordObject' => ['Uuid' => $uuid]]));
// Objects instead of arrays, as programs with classes send them.
$request = new stdClass();
$request->AuthenticationObject = (object) $authentication;
$request->DataRecordObject = (object) ['Uuid' => $uuid, 'Data' => $encode(['amount' => 8])];
$request->FlowDiagramObject = new stdClass();
$got['updateRecord'] = $client->updateRecord($request);
$got['getFlowDiagram'] = $client->getFlowDiagram($of(['FlowDiagramObject' => ['Flow' => 'work']]));
$got['changeFlowStatus'] = $client->changeFlowStatus($of([
    'FlowDiagramObject' => ['Flow' => 'work', 'Status' => 'running'],
]));
$got['webhook'] = $client->webhook(['Uri' => 'hook', 'Payload' => '{"from": "php"}']);
$got['deleteRecord'] = $client->deleteRecord($of(['DataRecordObject' => ['Uuid' => $uuid]]));
$got['deleteSchema'] = $client->deleteSchema($of());

$fault('credentials', fn() => $client->getSchema([
    'AuthenticationObject' => ['Apikey' => 'wrong', 'Appkey' => 'wrong', 'Version' => '1'],
]));
$fault('missing', fn() => $client->getRecord($of(['DataRecordObject' => ['Uuid' => 'nobody']])));
$fault('wrong', fn() => $client->insertRecord($of([
    'DataRecordObject' => ['Data' => 'no Base64!'],
    'FlowDiagramObject' => ['Flow' => 'work'],
])));

// An access token in the SOAP header, as the seed writes it.
$header = ['AccessToken' => $asked['token']];
$client->__setSoapHeaders([new SoapHeader('Flowize', 'AuthenticationHeader', (object) $header)]);
$got['withToken'] = $client->getFlowDiagram(['FlowDiagramObject' => ['Flow' => 'work']]);

// Without the WSDL PHP sends arrays as maps.
$plain = new SoapClient(null, ['location' => $asked['location'], 'uri' => 'Flowize'] + $options);
$got['withoutWsdl'] = $plain->getFlowDiagram(
    new SoapParam($of(['FlowDiagramObject' => ['Flow' => 'work']]), 'input'),
);
$got['request'] = $plain->__getLastRequest();

echo json_encode($got, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
