// SPDX-License-Identifier: MIT
// The page of the API (nginx/docs.py): sends what its forms say to this service, and shows the answer as it came.

for (const form of document.querySelectorAll("form.try")) {
    form.parentElement.querySelector(".origin").textContent = location.origin;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        send(form);
    });
}

async function send(form) {
    const shown = form.querySelector("output pre");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
        shown.textContent = await exchange(request(form));
    } catch (error) {
        shown.textContent = `No answer: ${error.message}`;
    }
    shown.hidden = false;
    button.disabled = false;
}

// What the fields say: names are "path id", "query limit", "header If-Match"; an empty one is left out.
function request(form) {
    let path = form.dataset.path;
    const query = new URLSearchParams();
    const headers = new Headers();
    for (const field of form.querySelectorAll("input")) {
        const [place, name] = field.name.split(" ");
        if (place === "path")
            path = path.replace(`{${name}}`, encodeURIComponent(field.value));
        else if (field.value && place === "query")
            query.set(name, field.value);
        else if (field.value)
            headers.set(name, field.value);
    }
    const body = form.querySelector("textarea");
    if (body)
        headers.set("Content-Type", body.dataset.type);
    const url = query.size > 0 ? `${path}?${query}` : path;
    return new Request(url, {method: form.dataset.method, headers, body: body?.value, cache: "no-store", redirect: "manual"});
}

async function exchange(question) {
    const answer = await fetch(question);
    if (answer.type === "opaqueredirect")
        return "A redirect, which a page can't look into.";
    const fields = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
    const text = await answer.text();
    return [`${answer.status} ${answer.statusText}`, ...fields, "", readable(answer.headers.get("Content-Type"), text)].join("\n");
}

function readable(type, text) {
    return type?.includes("json") && text ? JSON.stringify(JSON.parse(text), null, 2) : text;
}
