package sim

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// at names a position without what is random in it.
func at(epoch string, offset int64) string {
	number, _, _ := strings.Cut(epoch, "-")
	if number == "" {
		number = "none"
	}
	return fmt.Sprintf("%s:%d", number, offset)
}

// describeFrame names a frame for the diagram.
func describeFrame(data []byte) string {
	var f struct {
		Action string           `json:"action"`
		ID     string           `json:"id"`
		Event  string           `json:"event"`
		Topic  string           `json:"topic"`
		Epoch  string           `json:"epoch"`
		Offset int64            `json:"offset"`
		Error  *topicwire.Error `json:"error"`
		Since  *topicwire.Position
		Topics []json.RawMessage `json:"topics"`
		Data   json.RawMessage   `json:"data"`
	}
	if json.Unmarshal(data, &f) != nil {
		return "frame"
	}
	switch {
	case f.Epoch != "":
		return fmt.Sprintf("%s %s", f.Topic, at(f.Epoch, f.Offset))
	case f.Event != "":
		return f.Event + " " + f.Topic
	case f.Error != nil:
		return fmt.Sprintf("%s#%s: %s", f.Action, f.ID, f.Error.Code)
	case f.Action != "":
		text := f.Action + "#" + f.ID
		if f.Topic != "" {
			text += " " + f.Topic
		}
		if f.Since != nil {
			text += " after " + at(f.Since.Epoch, f.Since.Offset)
		}
		return text
	default:
		return "frame"
	}
}
