package stream

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// event is an event of a stream (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon
// DynamoDB").
type event struct {
	Records []json.RawMessage `json:"Records"`
}

type record struct {
	ID     string `json:"eventID"`
	Name   string `json:"eventName"`
	Change struct {
		Keys     image  `json:"Keys"`
		New      image  `json:"NewImage"`
		Old      image  `json:"OldImage"`
		Sequence string `json:"SequenceNumber"`
		View     string `json:"StreamViewType"`
	} `json:"dynamodb"`
}

// The names of events.
const (
	inserted = "INSERT"
	modified = "MODIFY"
	removed  = "REMOVE"
)

const newAndOldImages = "NEW_AND_OLD_IMAGES"

var errView = errors.New("stream: the stream of the table must have the view type " + newAndOldImages)

// checkView returns an errView for a record of a stream that does not have all images.
func (r *record) checkView() error {
	if r.Change.View != newAndOldImages {
		return fmt.Errorf("%w, not %.100q", errView, r.Change.View)
	}
	return nil
}

type response struct {
	Failures []failure `json:"batchItemFailures"`
}

type failure struct {
	Sequence string `json:"itemIdentifier"`
}

// image is an item whose attributes are not decoded yet, since most items are of no interest.
type image map[string]json.RawMessage

// text returns a string attribute; "" if it is another or absent.
func (m image) text(name string) string {
	var v struct{ S string }
	if json.Unmarshal(m[name], &v) != nil {
		return ""
	}
	return v.S
}

// item decodes the attributes. Those of types that topics do not have are left out.
func (m image) item() (table.Item, error) {
	it := make(table.Item, len(m))
	for name, raw := range m {
		v, err := decodeAttribute(raw, maxDepth)
		if err != nil {
			return nil, fmt.Errorf("attribute %.100q: %w", name, err)
		}
		if v != nil {
			it[name] = v
		}
	}
	return it, nil
}

// maxDepth is how deep lists can be (Amazon DynamoDB Developer Guide, "Constraints in Amazon
// DynamoDB").
const maxDepth = 32

var errDeep = fmt.Errorf("lists are more than %d deep", maxDepth)

// decodeAttribute returns nil for an attribute of a type that topics do not have.
func decodeAttribute(raw json.RawMessage, depth int) (types.AttributeValue, error) {
	if depth == 0 {
		return nil, errDeep
	}
	var v struct {
		S, N *string
		B    *[]byte
		L    *[]json.RawMessage
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	switch {
	case v.S != nil:
		return &types.AttributeValueMemberS{Value: *v.S}, nil
	case v.N != nil:
		return &types.AttributeValueMemberN{Value: *v.N}, nil
	case v.B != nil:
		return &types.AttributeValueMemberB{Value: *v.B}, nil
	case v.L == nil:
		return nil, nil //nolint:nilnil // absence is not an error here
	}
	list := &types.AttributeValueMemberL{Value: make([]types.AttributeValue, len(*v.L))}
	for i, element := range *v.L {
		var err error
		if list.Value[i], err = decodeAttribute(element, depth-1); err != nil {
			return nil, err
		}
	}
	return list, nil
}
