package awsquery

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

type value struct {
	DataType, StringValue string
	BinaryValue           []byte
}

type entry struct {
	ID    string           `query:"Id"`
	Delay *int             `query:"DelaySeconds"`
	Extra map[string]value `query:"MessageAttribute,Name,Value"`
}

type input struct {
	Name    string
	Count   int
	Raw     bool
	Names   []string          `query:"AttributeName"`
	Entries []entry           `query:"Entries.member"`
	Values  map[string]string `query:"Attributes.entry,key,value"`
}

func form(t *testing.T, text string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(text)
	require.NoError(t, err)
	return v
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var in input
	require.NoError(t, Decode(form(t, "Action=X&Name=n&Count=3&Raw=true&AttributeName.1=a&AttributeName.2=b"+
		"&Entries.member.1.Id=1&Entries.member.1.DelaySeconds=0"+
		"&Entries.member.1.MessageAttribute.1.Name=k&Entries.member.1.MessageAttribute.1.Value.DataType=Binary"+
		"&Entries.member.1.MessageAttribute.1.Value.BinaryValue=AQI%3D"+
		"&Attributes.entry.1.key=x&Attributes.entry.1.value=y&Attributes.entry.3.key=lost"), &in))
	zero := 0
	require.Equal(t, input{
		Name: "n", Count: 3, Raw: true, Names: []string{"a", "b"},
		Entries: []entry{{"1", &zero, map[string]value{"k": {DataType: "Binary", BinaryValue: []byte{1, 2}}}}},
		Values:  map[string]string{"x": "y"},
	}, in)
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Count=x":                         "Count must be a whole number",
		"Raw=x":                           "Raw must be true or false",
		"Entries.member.1.DelaySeconds=x": "Entries.member.1.DelaySeconds must be a whole number",
		"Entries.member.1.MessageAttribute.1.Value.BinaryValue=%21": "Entries.member.1.MessageAttribute.1.Value.BinaryValue must be Base64",
	} {
		require.EqualError(t, Decode(form(t, text), new(input)), want, text)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	one := 1
	require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<OpResponse xmlns="urn:x"><OpResult><Name>&lt;&amp;</Name><Count>2</Count><Raw>false</Raw>`+
		`<AttributeName>a</AttributeName><AttributeName>b</AttributeName><Entries><member><Id>1</Id>`+
		`<DelaySeconds>1</DelaySeconds><MessageAttribute><Name>k</Name><Value><BinaryValue>AQI=</BinaryValue></Value>`+
		`</MessageAttribute></member></Entries><Attributes><entry><key>x</key><value>y</value></entry></Attributes>`+
		`</OpResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></OpResponse>`,
		string(Encode("urn:x", "Op", "r", &input{
			Name: "<&", Count: 2, Names: []string{"a", "b"},
			Entries: []entry{{"1", &one, map[string]value{"k": {BinaryValue: []byte{1, 2}}}}},
			Values:  map[string]string{"x": "y"},
		})))
	require.NotContains(t, string(Encode("urn:x", "Op", "r", nil)), "OpResult")
}

func FuzzDecode(f *testing.F) {
	f.Add("Entries.member.1.Id=1&Attributes.entry.1.key=x")
	f.Add("Entries.member.1=1&Entries.member=2&AttributeName.=3")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Skip()
		}
		var in input
		if Decode(v, &in) == nil {
			require.Contains(t, string(Encode("urn:x", "Op", "r", in)), "</OpResult>")
		}
	})
}
