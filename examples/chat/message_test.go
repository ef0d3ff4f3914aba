package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/chat"
)

func TestNamesAreReadable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name string
		ok   bool
	}{
		"Latin":              {"Ann Lee", true},
		"Hebrew":             {"שרה", true},
		"a family of emoji":  {"👩\u200d👩\u200d👧", true},
		"a heart":            {"❤\ufe0f", true},
		"Persian":            {"می\u200cخواهم", true},
		"combining":          {"Zoe\u0308", true},
		"space around":       {"Ann ", false},
		"zero width spaces":  {"\u200b\u200b", false},
		"joiners":            {"\u200d\u200c", false},
		"an accent alone":    {"\u0308", false},
		"a selector alone":   {"\ufe0f", false},
		"a Hangul filler":    {"\u3164", false},
		"a blank of braille": {"\u2800", false},
		"reversed":           {"\u202eAnn", false},
		"isolated":           {"\u2067Ann", false},
		"a hidden space":     {"An\u200bn", false},
		"two lines":          {"Ann\nLee", false},
		"two paragraphs":     {"Ann\u2029Lee", false},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			err := chat.Person{Name: tt.name}.Validate()
			require.Equal(t, tt.ok, err == nil, "%+q: %v", tt.name, err)
		})
	}
}

func TestTextsHaveSomethingToSee(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"Hello": true,
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f": true, // a flag, spelt with format characters
		"pasted\u200b from\u00ad a page":                                true,
		"👍🏽":                                                            true,
		"":                                                              false,
		" \n\t":                                                         false,
		"\u200b\ufeff\u2060":                                            false,
		"\u202e\u200d":                                                  false,
		"\u3164 \u2800":                                                 false,
	} {
		err := chat.Say{Room: "lobby", Text: text}.Validate()
		require.Equal(t, ok, err == nil, "%+q: %v", text, err)
	}
}
