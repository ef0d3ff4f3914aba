package cloudformation_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/cloudformation"
)

// FuzzRead checks that any text is read or refused, with an error in one line.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"api.yaml", "sam.yaml", "hello.yaml"} {
		text, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"Resources":{"A":{"Type":"AWS::ApiGatewayV2::Api","Properties":{"Fn::If":["C",{"ProtocolType":"WEBSOCKET"},{}]}}},` +
		`"Conditions":{"C":{"Fn::Or":[{"Condition":"D"},true]},"D":{"Fn::Equals":[{"Ref":"P"},"x"]}},"Parameters":{"P":{"Default":"x"}}}`))
	f.Add([]byte("Mappings: {M: {us-east-1: {p: WEBSOCKET}}}\nResources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {" +
		"ProtocolType: !FindInMap [M, !Ref AWS::Region, p], RouteSelectionExpression: !Select [1, !Split [',', 'a,$request.body.a']]}}\n"))
	f.Add([]byte("Resources: &a\n  A: *a"))
	f.Add([]byte("Resources: {A: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !GetAtt A.Arn, Name: !Sub ['${!x}${a}', {a: b}]}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := cloudformation.Read(text)
		if err == nil {
			return
		}
		require.True(t, strings.HasPrefix(err.Error(), "cloudformation: "), err)
		require.NotContains(t, err.Error(), "\n")
	})
}
