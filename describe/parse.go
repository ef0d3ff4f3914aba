package describe

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

// ErrVersion means that a document was made by a later version of gatesock.
var ErrVersion = errors.New("describe: the description is of a later version")

// Of returns the description of an app: of a gatesock.App, or of a handler that wraps one. It fails
// as gatesock.Description.MarshalJSON does.
func Of(h lambda.Handler) (*App, error) {
	app, ok := gatesock.AppOf(h)
	if !ok {
		return nil, fmt.Errorf("describe: a %T does not describe itself: it is not a gatesock.App", h)
	}
	data, err := app.Describe().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	return Parse(data)
}

// Parse reads the document that a program prints. The error wraps [ErrVersion] if the document is
// of a later version than this package reads, and otherwise names what is wrong with it.
func Parse(data []byte) (*App, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("describe: this is not the description of an app: %w", mismatch(err))
	}
	switch {
	case version.Version > Version:
		return nil, fmt.Errorf("%w: it has version %d, and this gatesock reads %d; use the gatesock command of the version in the program's go.mod",
			ErrVersion, version.Version, Version)
	case version.Version < 1:
		return nil, errors.New("describe: this is not the description of an app: it has no version")
	}
	if depth := nesting(data); depth > maxNesting {
		return nil, fmt.Errorf("describe: this is not the description of an app: it is nested more than %d levels deep", maxNesting)
	}
	var app App
	if err := json.Unmarshal(data, &app); err != nil {
		return nil, fmt.Errorf("describe: this is not the description of an app: %w", mismatch(err))
	}
	if err := app.check(); err != nil {
		return nil, fmt.Errorf("describe: the description of the app is wrong: %w", err)
	}
	return &app, nil
}

// mismatch returns an error of package json without the Go types that the text has.
func mismatch(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong) || wrong.Error() != err.Error(): // one with a place in a schema
		return err
	case wrong.Field == "":
		return fmt.Errorf("it is a JSON %s, not an object", wrong.Value)
	}
	return fmt.Errorf("%q cannot be a JSON %s", wrong.Field, wrong.Value)
}

// maxNesting bounds the depth of a document. Types that refer to each other do not add to it.
const maxNesting = 200

// nesting returns how deep the arrays and objects of a JSON text are nested.
func nesting(data []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}', c == ']':
			depth--
		}
	}
	return deepest
}
