package connecttest

// helperPlugins are Kafka's own transformations, predicates and converters, with their keys.
func helperPlugins(v apiVersion) []*plugin {
	field := own("field", "STRING", nil, "MEDIUM", "The field to act on.").must()
	replaceNull := own("replace.null.with.default", "BOOLEAN", new("true"), "MEDIUM", "Whether a null takes the field's default.").from(3, 9)
	static := func(names ...string) []configKey {
		var out []configKey
		for _, n := range names {
			out = append(out, own(n, "STRING", nil, "MEDIUM", "The setting "+n+"."))
		}
		return out
	}
	var out []*plugin
	add := func(kind, class string, keys ...configKey) {
		kept := []configKey{}
		for _, k := range keys {
			if k.since.reached(v) && (k.until == release{} || !k.until.reached(v)) {
				kept = append(kept, k)
			}
		}
		out = append(out, &plugin{class: class, kind: kind, keys: kept})
	}
	both := func(name string, keys ...configKey) {
		add("transformation", packageTransforms+name+"$Key", keys...)
		add("transformation", packageTransforms+name+"$Value", keys...)
	}
	one := func(name string, keys ...configKey) { add("transformation", packageTransforms+name, keys...) }

	both("Cast", own("spec", "LIST", nil, "HIGH", "The fields and the types to cast them to.").must(), replaceNull)
	one("DropHeaders", own("headers", "LIST", nil, "HIGH", "The headers to remove.").must())
	both("ExtractField", field, replaceNull, own("field.syntax.version", "STRING", new("V1"), "HIGH", "Whether dots in field name a nested one (V2) or not (V1).").from(3, 8))
	one("Filter")
	both("Flatten", own("delimiter", "STRING", new("."), "MEDIUM", "What joins the names."))
	both("HeaderFrom", own("fields", "LIST", nil, "HIGH", "The fields to take.").must(), own("headers", "LIST", nil, "HIGH", "The headers to make.").must(),
		own("operation", "STRING", nil, "HIGH", "move or copy.").must(), replaceNull)
	both("HoistField", field)
	both("InsertField", append(static("topic.field", "partition.field", "offset.field", "timestamp.field", "static.field", "static.value"), replaceNull)...)
	one("InsertHeader", own("header", "STRING", nil, "HIGH", "The header to add.").must(), own("value.literal", "STRING", nil, "HIGH", "Its value.").must())
	both("MaskField", own("fields", "LIST", nil, "HIGH", "The fields to mask.").must(), own("replacement", "STRING", nil, "LOW", "What to write in their place."), replaceNull)
	one("RegexRouter", own("regex", "STRING", nil, "HIGH", "What to match.").must(), own("replacement", "STRING", nil, "HIGH", "What to put in its place.").must())
	both("ReplaceField", own("exclude", "LIST", new(""), "MEDIUM", "The fields to drop."),
		own("blacklist", "LIST", nil, "LOW", "The old name of exclude.").gone(4, 0), own("include", "LIST", new(""), "MEDIUM", "The fields to keep."),
		own("whitelist", "LIST", nil, "LOW", "The old name of include.").gone(4, 0),
		own("renames", "LIST", new(""), "MEDIUM", "The fields to rename."), replaceNull)
	both("SetSchemaMetadata", own("schema.name", "STRING", nil, "HIGH", "The schema's name."), own("schema.version", "INT", nil, "HIGH", "The schema's version."), replaceNull)
	both("TimestampConverter", own("field", "STRING", new(""), "HIGH", "The field to convert."), own("target.type", "STRING", nil, "HIGH", "The type to convert to.").must(),
		own("format", "STRING", new(""), "MEDIUM", "The pattern of string timestamps."), own("unix.precision", "STRING", new("milliseconds"), "LOW", "The unit of numbers."), replaceNull)
	one("TimestampRouter", own("topic.format", "STRING", new("${topic}-${timestamp}"), "HIGH", "The pattern of the topic."),
		own("timestamp.format", "STRING", new("yyyyMMdd"), "HIGH", "The pattern of the timestamp."))
	one("ValueToKey", own("fields", "LIST", nil, "HIGH", "The fields of the key.").must(), replaceNull)

	add("predicate", packageTransforms+"predicates.HasHeaderKey", own("name", "STRING", nil, "MEDIUM", "The header.").must())
	add("predicate", packageTransforms+"predicates.RecordIsTombstone")
	add("predicate", packageTransforms+"predicates.TopicNameMatches", own("pattern", "STRING", nil, "MEDIUM", "What the topic has to match.").must())

	kind := own("converter.type", "STRING", nil, "LOW", "Whether it converts keys, values or headers.").must()
	json := []configKey{
		kind,
		{name: "schemas.enable", kind: "BOOLEAN", def: new("true"), importance: "HIGH", doc: "Whether data carry their schema.", group: "Schemas", width: "MEDIUM", display: "Enable Schemas"},
		{name: "schemas.cache.size", kind: "INT", def: new("1000"), importance: "HIGH", doc: "How many schemas are kept.", group: "Schemas", width: "MEDIUM", display: "Schema Cache Size", order: 1},
		{name: "schema.content", kind: "STRING", importance: "HIGH", doc: "A schema that data without one are read with.", group: "Schemas", width: "MEDIUM", display: "Schema Content", order: 2, since: release{4, 2}},
		{name: "decimal.format", kind: "STRING", def: new("BASE64"), importance: "LOW", doc: "How decimals are written: BASE64 or NUMERIC.", group: "Serialization", width: "MEDIUM", display: "Decimal Format"},
		{name: "replace.null.with.default", kind: "BOOLEAN", def: new("true"), importance: "LOW", doc: "Whether a null takes the field's default.", group: "Serialization", width: "MEDIUM", display: "Replace null with default", order: 1, since: release{3, 5}},
	}
	str := []configKey{kind, {name: "converter.encoding", kind: "STRING", def: new("UTF-8"), importance: "HIGH", doc: "The encoding of strings.", width: "MEDIUM", display: "Encoding", order: -1}}
	for _, k := range []string{"converter", "header_converter"} {
		for _, name := range []string{"Boolean", "ByteArray", "Double", "Float", "Integer", "Long", "Short"} {
			if name == "Boolean" && !v.atLeast(3, 7) {
				continue
			}
			add(k, "org.apache.kafka.connect.converters."+name+"Converter", kind)
		}
		add(k, "org.apache.kafka.connect.json.JsonConverter", json...)
		if k == "header_converter" {
			add(k, "org.apache.kafka.connect.storage.SimpleHeaderConverter")
		}
		add(k, "org.apache.kafka.connect.storage.StringConverter", str...)
	}
	return out
}
