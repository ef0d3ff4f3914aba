@app
echo

@ws
echo
quiet

@aws
runtime nodejs20.x
timeout 30
