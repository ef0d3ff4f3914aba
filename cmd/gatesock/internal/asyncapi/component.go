package asyncapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/errorcode"
)

// The names of the schemas that every document has. A type of the application with the same name
// keeps it, and the schema gets another key.
const (
	idSchema    = "gatesock.ID"
	errorSchema = "gatesock.Error"
	codeSchema  = "gatesock.ErrorCode"
)

// components returns the schemas and messages. The schemas come last, since they are the types that
// other parts have used.
func (d *document) components() object {
	security := d.securitySchemes()
	own := object{{d.ownKeys[errorSchema], d.errorObject()}, {d.ownKeys[codeSchema], codeObject()}}
	if d.usesID {
		own = append(object{{d.ownKeys[idSchema], idObject()}}, own...)
	}
	messages := make(object, len(d.messages))
	for i, m := range d.messages {
		messages[i] = member{m.key, m.object}
	}
	return object{{"schemas", append(d.types(), own...)}, {"messages", messages}, {"securitySchemes", list(security)}}
}

// types returns the types that are used, and those that these use.
func (d *document) types() object {
	byKey := make(map[string]any)
	for i := 0; i < len(d.used); i++ { // d.schema appends to it
		byKey[d.typeKeys[d.used[i]]] = d.schema(d.app.Types[d.used[i]])
	}
	var all object
	for key, value := range byKey {
		all = append(all, member{key, value})
	}
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return all
}

func (d *document) errorObject() object {
	properties := object{
		{"code", d.own(codeSchema)},
		{"message", object{{"type", "string"}, {"description", "A text for people, on which programs do not depend."}}},
		{"retryAfterMs", object{
			{"type", "integer"},
			{"minimum", 1},
			{"description", "How many milliseconds the client should wait before it tries again."},
		}},
		{"details", object{{"description", "Defined by the action."}}},
	}
	return frame(properties, []string{"code", "message"})
}

func idObject() object {
	return object{
		{"type", "string"},
		{"description", "Chosen by the client, at most 128 bytes in UTF-8. Answers have the id of their message."},
		{"minLength", 1},
		{"maxLength", 128},
	}
}

// own returns a reference to a schema that every document has; documents without ids leave out
// theirs.
func (d *document) own(name string) object {
	d.usesID = d.usesID || name == idSchema
	return ref(schemas + d.ownKeys[name])
}

// codeObject has no enum, because applications may have codes of their own.
func codeObject() object {
	var b strings.Builder
	b.WriteString("Clients treat an unknown code as `internal`.\n\n| code | means | try again? |\n|---|---|---|\n")
	examples := make([]string, 0, 16)
	for _, e := range errorcode.All() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Code, e.Means, e.Retry)
		examples = append(examples, string(e.Code))
	}
	return object{{"type", "string"}, {"description", b.String()}, {"examples", examples}}
}
