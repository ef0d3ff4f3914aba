// Package describe reads the description of an application: its routes with their types, guards and
// limits, the messages that it sends, its event sources, and the resources that it needs.
//
// The description comes from the program itself. With the environment variable GATESOCK_DESCRIBE=1
// a program prints it in gatesock.Start, or in emulator.ListenAndServe, as one line of JSON, and
// exits:
//
//	GATESOCK_DESCRIBE=1 go run .
//
// The command gatesock makes templates, an AsyncAPI document and TypeScript types from it. [Of]
// returns the description of an app in the same process, and [Parse] that of a document. The file
// app.schema.json in this package's folder is a JSON Schema (2020-12) of such documents.
//
// # Types
//
// The types of inputs, outputs and pushes are JSON Schemas, made from the Go types as encoding/json
// encodes and decodes them. A struct that has a name is one of [App.Types], with that name; one
// whose input and output differ has two, for example Message and MessageInput. They differ where
// encoding/json writes null for a nil slice, map or pointer, which clients need not send.
//
// A property is required unless its json tag has omitempty or omitzero. The tag jsonschema has
// constraints, in the grammar of github.com/invopop/jsonschema, and jsonschema_description a text:
//
//	type Say struct {
//		Room string   `json:"room" jsonschema:"minLength=1,maxLength=32"`
//		Mood string   `json:"mood,omitempty" jsonschema:"enum=happy,enum=sad"`
//		Tags []string `json:"tags" jsonschema:"nonnull,maxItems=5" jsonschema_description:"For search."`
//	}
//
// Its keywords are
//
//	title, description, default, example                                for all types
//	deprecated, readOnly, writeOnly                                     for all types
//	minLength, maxLength, pattern, format                               for strings
//	minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf    for numbers
//	minItems, maxItems, uniqueItems                                     for arrays
//	enum                                                                for all but objects
//	required, nullable, nonnull                                         change what is derived
//
// On an array, the keywords of strings and numbers apply to its elements. A comma in a value has a
// backslash before it. The tags only describe: to check an input, give it a method Validate. A
// keyword that is unknown or does not fit is an error when the program describes itself.
//
// The schema of a type with a method MarshalJSON or UnmarshalJSON allows everything, unless the
// type has a method JSONSchema() json.RawMessage. That returns the schema, a JSON object without
// references. Routes and pushes with a codec other than gatesock.JSON have no schemas.
package describe
