package emulator

// CheckResponse returns what a gateway with those Unknowns finds wrong with what a handler returned, which should be a
// Lambda proxy response; nil if nothing. The client of a malformed one sees "Internal server error" (§6 of
// docs/gateway-facts.md).
func CheckResponse(data []byte, u Unknowns) error {
	_, err := decodeResponse(data, &u)
	return err
}
