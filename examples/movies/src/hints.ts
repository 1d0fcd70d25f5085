/** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
export function hints(url: string, command: string): string {
  return `
# Store a movie, and ask for all of them; -i shows the headers: where it is, and how long it took
curl -i ${url}/movies/ -H 'content-type: application/json' -d '{"title":"Playtime","description":"A day in Paris"}'
curl -i ${url}/movies/

# Twice the same request: one movie, and the same answer
curl ${url}/movies/ -H 'idempotency-key: "a-key-of-mine"' -d title=Mirror -d "description=A childhood"
curl ${url}/movies/ -H 'idempotency-key: "a-key-of-mine"' -d title=Mirror -d "description=A childhood"

# Everything that is wrong with a movie, in one answer
curl ${url}/movies/ -H 'content-type: application/json' -d '{"title":"","description":7}'

# What a client is told when the db service fails (once this has ended, which frees the port)
FAIL_SHARE=1 ${command}
`;
}
